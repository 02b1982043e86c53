"""Bulut PACS: the package that every function, the gateway and the local run share."""
