"""What is to be done: workitems that are scheduled, claimed, completed or canceled, and who is told of it."""
