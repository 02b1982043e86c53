"""Odd files through both doors: stored or refused with a reason, never an error of ours, and nothing gets stuck."""

import json
from io import BytesIO
from typing import Any

import pytest

from gateway_scp.identity import read_identity, require_same
from gateway_scp.part10 import file_meta
from pacs.archive.deriving import derive_instances
from pacs.archive.indexing import index_objects
from pacs.dicom.source import BytesSource
from pacs.dicomweb.multipart import Part, related
from pacs.errors import PacsError, answer_for
from tests.robustness.odd_files import CT, datasets, part10s

# Understood, however odd: refusing them would lose a patient's images.
MUST_BE_STORED = (
    "nothing",
    "group length",
    "implicit item in a sequence",
    "undefined lengths",
    "UN of undefined length",
    "2.0 in IS",
    "NaN and infinity",
    "NaN in FL",
    "words in IS and DS",
    "empty pixel data",
    "CRLF in a name",
    "NUL in a name",
    "broken UTF-8",
    "10,000 private elements",
    "60 levels",
    "no preamble",
    "no head",
    "a preamble that makes it a Linux program",
    "a preamble that makes it a page",
)
MUST_BE_REFUSED = (
    "no instance UID",
    "no study UID",
    "path in a UID",
    "1,000 levels",
    "huge length",
    "deflate bomb",
    "deflate bomb after the UIDs",
    "three million items",
    "three million elements",
    "sequence without an end",
    "no file at all",
    "rubbish",
)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def stow(clinic: Any, body: bytes) -> Any:
    content = b"".join(related([Part(body, "application/dicom")], boundary="odd-files-boundary"))
    content_type = 'multipart/related; type="application/dicom"; boundary=odd-files-boundary'
    headers = {**clinic.bearer(), "Content-Type": content_type}
    return clinic.client.post("/dicomweb/studies", content=content, headers=headers)


def stored_by_stow(clinic: Any) -> dict[str, bool]:
    """Every odd file sent: whether it was stored. What is refused names a reason."""
    stored = {}
    for name, body in part10s():
        answer = stow(clinic, body)
        assert answer.status_code in (200, 202, 409), (name, answer.status_code, answer.content)
        told = answer.json()
        stored[name] = "00081199" in told
        if not stored[name]:
            (failed,) = (told.get("00081198") or told["0008119A"])["Value"]
            assert failed["00081197"]["Value"] in ([0xC000], [0xC122], [0xA900]), name
            assert failed["00000902"]["Value"][0], name
    return stored


def test_odd_files_are_stored_or_refused_and_never_stick(clinic: Any) -> None:
    stored = stored_by_stow(clinic)
    assert [name for name in MUST_BE_STORED if not stored[name]] == []
    assert [name for name in MUST_BE_REFUSED if stored[name]] == []
    keys = [info.key for info in clinic.services.originals.scan()]
    assert index_objects(clinic.services, keys) == {}
    failed = derive_instances(clinic.services, [{"FilePath": key} for key in keys])
    assert set(failed) <= set(keys)
    path = "/studies/1.2.826.0.1.9"
    for address in (
        f"{path}/metadata",
        f"{path}/instances?includefield=all",
        f"{path}/series/1.2.826.0.1.9.1/metadata",
    ):
        answer = clinic.get(address)
        assert answer.status_code == 200
        assert json.loads(answer.content, parse_constant=refuse_constant)
    for key in keys:
        _, study, series, instance = key.removesuffix(".dcm").split("/")
        base = f"/studies/{study}/series/{series}/instances/{instance}"
        for suffix in ("/rendered", "/thumbnail", "/frames/1", "/bulkdata/7FE00010", ""):
            answer = clinic.get(base + suffix)
            assert answer.status_code < 500, (key, suffix, answer.content)
            assert "x-evil" not in answer.headers


def test_the_dicom_door_stores_or_refuses_the_same_datasets() -> None:
    """What the door lets in can be named; what it refuses has a status of the standard."""
    for name, instance, syntax, content in datasets():
        try:
            meta = file_meta(CT, instance, syntax)
            identity = read_identity(BytesSource(meta + content), len(meta), syntax)
            require_same(identity, CT, instance)
        except PacsError as error:
            assert answer_for(error).dimse_status in (0xA900, 0xC000), name
            assert name not in ("nothing", "2.0 in IS", "CRLF in a name", "10,000 private elements"), name


@pytest.mark.parametrize("body", [b"--odd-files-boundary--", b"\r\n" * 1000, b"--odd-files-boundary\r\n" * 1000])
def test_odd_bodies_are_bad_requests(clinic: Any, body: bytes) -> None:
    content_type = 'multipart/related; type="application/dicom"; boundary=odd-files-boundary'
    headers = {**clinic.bearer(), "Content-Type": content_type}
    answer = clinic.client.post("/dicomweb/studies", content=BytesIO(body).read(), headers=headers)
    assert answer.status_code == 400
