"""Store, index, search, retrieve, derive, delete, reconcile: the archive itself."""
