"""The ports in the cloud. Imported by bootstrap alone."""
