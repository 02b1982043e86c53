"""Pre-reports: what models say of a study's images, for a human to read, to correct or to throw away."""
