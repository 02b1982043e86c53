"""The DICOM JSON of instances as it is kept: parts that the indexer writes, one whole that the deriver makes.

A part is gzip text of one line an instance, `<SOPInstanceUID> TAB <JSON>`, so that a whole is put together
without parsing. Parts come first and are never out of date: a series that is still arriving is answered from them.
"""

import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence

from pacs.archive import keys
from pacs.ports import ObjectStore

LEVEL = 5  # of gzip: 4 times as fast as 9 on DICOM JSON for some 3 % more bytes
SHOWS = "revision"  # which revision of its series a whole shows: in the object's own metadata, so never out of step
REST_S = 3  # a series that has not changed for so long is taken to have arrived


def write_part(derived: ObjectStore, series_path: tuple[str, str, str], documents: Mapping[str, bytes]) -> str:
    """Store the JSON documents of instances (by SOPInstanceUID); returns the key, the same for the same content."""
    lines = b"".join(f"{uid}\t".encode() + documents[uid] + b"\n" for uid in sorted(documents))
    key = keys.metadata_part(*series_path, hashlib.sha256(lines).hexdigest()[:24])
    derived.put(key, gzip.compress(lines, LEVEL, mtime=0), content_type="text/plain", content_encoding="gzip")
    return key


def read_parts(derived: ObjectStore, part_keys: Iterable[str]) -> dict[str, dict[str, bytes]]:
    """The documents of each part, by part and SOPInstanceUID. Raises ObjectNotFound when one is gone."""
    return {key: parse_part(derived.get(key)[1]) for key in part_keys}


def write_whole(derived: ObjectStore, series_path: tuple[str, str, str], body: bytes, revision: str) -> None:
    """Store the gzip JSON array of a series as it was at this revision."""
    derived.put(
        keys.series_metadata(*series_path),
        body,
        content_type="application/dicom+json",
        content_encoding="gzip",
        metadata={SHOWS: revision},
    )


def parse_part(body: bytes) -> dict[str, bytes]:
    pairs = (line.split(b"\t", 1) for line in gzip.decompress(body).splitlines())
    return {uid.decode(): document for uid, document in pairs}


def join(documents: Sequence[bytes]) -> bytes:
    """One JSON array of documents."""
    return b"[" + b",".join(documents) + b"]"
