"""An original as the byte source that headers and frames are read from. Used by the indexer and by retrieve."""

from pacs.ports import ObjectInfo, ObjectStore


class StoreSource:
    """Ranged reads of one object (see `pacs.dicom.source.ByteSource`)."""

    def __init__(self, store: ObjectStore, info: ObjectInfo) -> None:
        self._store = store
        self.info = info
        self.size_bytes = info.size_bytes

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`. Raises ObjectNotFound, StoreUnavailable."""
        return self._store.read(self.info.key, offset, length)
