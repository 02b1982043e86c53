"""What do people see? The pages: their texts in eight languages, their templates, and the figures on them."""
