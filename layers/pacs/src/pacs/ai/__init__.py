"""Models of others behind the ports Speech and Language."""
