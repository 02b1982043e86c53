"""The door and the indexer are of one mind: what the one lets in the other can read, and nothing else is refused."""

import random
from collections.abc import Iterator

import pytest

from gateway_scp.identity import Identity, read_identity
from pacs.dicom.header import read_header
from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.source import BytesSource
from pacs.errors import InvalidInstance
from tests.journey.instances import Instance
from tests.journey.sample_files import FILES, instance_of

HEAD_BYTES = 12_000
CUTS, FLIPS = 40, 40


def verdicts(meta: bytes, encoded: bytes, transfer_syntax_uid: str) -> tuple[Identity | str, Identity | str]:
    """What the door says of an object, and what the indexer will."""
    source = BytesSource(meta + encoded)
    try:
        door: Identity | str = read_identity(source, len(meta), transfer_syntax_uid)
    except InvalidInstance as error:
        door = error.message
    try:
        header = read_header(source)
    except InvalidInstance as error:
        return door, error.message
    above = (header.study_instance_uid, header.series_instance_uid)
    if is_non_patient(header.sop_class_uid):
        above = ("", "")
    return door, Identity(header.sop_class_uid, header.sop_instance_uid, *above)


def spoiled(encoded: bytes, chance: random.Random) -> Iterator[bytes]:
    """A dataset whole, cut at many places, and with some of its bytes changed; most of all at its head."""
    yield encoded
    for _ in range(CUTS):
        yield encoded[: chance.randrange(min(len(encoded), chance.choice((1000, HEAD_BYTES, 1 << 20))) + 1)]
    for _ in range(FLIPS):
        changed = bytearray(encoded)
        for _ in range(chance.choice((1, 1, 3)) if encoded else 0):
            at = chance.randrange(min(len(changed), chance.choice((1000, HEAD_BYTES))))
            changed[at] = chance.choice((0, 1, 8, 0xFF, 0xFE, chance.randrange(256)))
        yield bytes(changed)


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_door_refuses_what_the_indexer_would_and_nothing_else(name: str) -> None:
    sent: Instance = instance_of(name)
    meta = sent.part10[: -len(sent.encoded) or None]
    for number, encoded in enumerate(spoiled(sent.encoded, random.Random(name))):
        door, indexer = verdicts(meta, encoded, sent.transfer_syntax_uid)
        assert door == indexer, number
