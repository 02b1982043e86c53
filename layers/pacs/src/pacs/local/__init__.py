"""The ports on one machine. Imported by bootstrap alone."""
