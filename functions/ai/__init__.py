"""Pre-reports over HTTP: asking for them, what became of that, and taking them over."""
