"""Models of others behind the ports Speech, Language and Describer."""
