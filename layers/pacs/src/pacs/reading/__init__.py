"""Studies as work: who reads which study, how far it is, and what else its patient has here."""
