"""What does a BulkDataURI name? Finds one value of an original and reads of it what is asked. Called by entry.bulkdata,
and by archive.non_patient.

Source: PS3.18 §10.4.1.1.5
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pacs.archive.frames import INFLATED_LIMIT
from pacs.archive.lookup import Instance
from pacs.archive.retrieve import PIECE_BYTES, read_original_header
from pacs.archive.source import StoreSource
from pacs.dicom.header import Header, inflate
from pacs.dicom.json import little_endian, to_dicom_json
from pacs.dicom.part10 import pixel_word_bytes, swapped
from pacs.errors import NotFound
from pacs.ports import Services

PATH = re.compile(r"(?:[0-9A-F]{8}/[0-9]{1,9}/)*[0-9A-F]{8}")
ENCAPSULATED_DOCUMENT, DOCUMENT_MEDIA_TYPE = "00420011", 0x00420012
MEDIA_TYPE = re.compile(r"[a-z0-9]+/[a-z0-9.+-]+")


def bulkdata_paths(header: Header) -> list[str]:
    """The path of every value that metadata give by a BulkDataURI."""
    paths: list[str] = []

    def noted(path: str) -> str:
        paths.append(path)
        return path

    to_dicom_json(header, bulkdata_uri=noted)
    return paths


@dataclass(frozen=True)
class Bulkdata:
    """One value in little endian. `read` takes offset and length; `document_type`: what it says it is, if it does.

    `sha256` is that of the original in which it stands.
    """

    sha256: str
    size_bytes: int
    read: Callable[[int, int], bytes]
    document_type: str

    def pieces(self) -> Iterator[bytes]:
        for offset in range(0, self.size_bytes, PIECE_BYTES):
            yield self.read(offset, min(PIECE_BYTES, self.size_bytes - offset))


def open_bulkdata(services: Services, instance: Instance, path: str) -> Bulkdata | None:
    """The value at a path in an instance of a patient. Raises NotFound."""
    return value_at(services, *read_original_header(services, instance), path)


def value_at(services: Services, source: StoreSource, header: Header, path: str) -> Bulkdata | None:
    """The value at a path of eight-digit tags with item numbers between them; None: pixel data that lie in frames.

    Only the header is read, and of the value what is asked, unless its bytes stand in another order or are deflated.
    Raises NotFound.
    """
    pixels = header.pixel_data
    if pixels and pixels.length is None and path == f"{pixels.tag:08X}":
        return None
    found = header.locate(path) if PATH.fullmatch(path) else None
    if found is None:
        raise NotFound("the instance has no such bulk data", field="path")
    named = header.root.text(DOCUMENT_MEDIA_TYPE).lower() if path == ENCAPSULATED_DOCUMENT else ""
    document_type = named if MEDIA_TYPE.fullmatch(named) else ""
    sha256 = source.info.metadata.get("sha256") or source.info.etag
    start, size = found.offset, found.length
    if header.root.little_endian and not header.deflated:
        return Bulkdata(sha256, size, lambda offset, length: source.read(start + offset, length), document_type)
    if header.deflated:
        value = inflate(services.originals.get(source.info.key)[1], INFLATED_LIMIT)[start : start + size]
    elif pixels and start == pixels.offset:
        value = swapped(source.read(start, size), pixel_word_bytes(header, found.vr))
    else:
        value = little_endian(source.read(start, size), found.vr, header)
    return Bulkdata(sha256, len(value), lambda offset, length: value[offset : offset + length], document_type)
