"""What headers and frames are read from: an original in the store, or a file on its way there."""

from pathlib import Path

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


class FileSource:
    """Ranged reads of one file on disk, for instances on their way into the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size_bytes = path.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
