"""What headers and frames are read from: an original in the store, or a file on its way there."""

from pathlib import Path
from typing import Any

from pacs.dicom.source import FIRST_BLOCK_BYTES
from pacs.ports import ObjectStore


class StoreSource:
    """Ranged reads of one object (see `pacs.dicom.source.ByteSource`)."""

    def __init__(self, store: ObjectStore, key: str, first_bytes: int = FIRST_BLOCK_BYTES) -> None:
        """Asks the store once: for what it knows of the object and its first block, in which most headers end.

        Raises ObjectNotFound, StoreUnavailable.
        """
        self._store = store
        self.info, self._start = store.read_start(key, first_bytes)
        self.size_bytes = self.info.size_bytes

    @property
    def whole(self) -> bytes:
        """All of the object when its first block is that, else nothing."""
        return self._start if len(self._start) == self.size_bytes else b""

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`. Raises ObjectNotFound, StoreUnavailable."""
        if min(offset + length, self.size_bytes) <= len(self._start):
            return self._start[offset : offset + length]
        return self._store.read(self.info.key, offset, length)


def object_columns(source: StoreSource, organization_id: str, transfer_syntax_uid: str) -> dict[str, Any]:
    """The columns of the index that tell of the object and not of the dataset."""
    info = source.info
    return {
        "organization_id": organization_id,
        "branch_id": info.metadata.get("branch_id") or None,
        "received_at": info.metadata.get("received_at") or info.last_modified.isoformat(),
        "object_key": info.key,
        "size_bytes": info.size_bytes,
        "sha256": info.metadata.get("sha256", ""),
        "transfer_syntax_uid": transfer_syntax_uid,
    }


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
