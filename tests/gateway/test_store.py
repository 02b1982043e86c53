"""C-STORE: what is kept, and what the sender is told."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from gateway_scp import arrival, part10
from pacs.errors import StoreUnavailable
from pacs.ports import ObjectStore, Outcome
from tests.gateway.conftest import Home, Process, Run, Running
from tests.gateway.sender import (
    CT_IMAGE,
    EXPLICIT_LITTLE,
    ORGANIZATION,
    Instance,
    Sender,
    encoded,
    instance_of,
)

PRIVATE_CLASS = "1.2.826.0.1.3680043.99.1"


def storescu(port: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["storescu", "-v", "-aec", "RAIPACS", *map(str, arguments[:-1]), "127.0.0.1", str(port), str(arguments[-1])],
        capture_output=True,
        text=True,
        timeout=60,
    )


def stored(home: Home, key: str) -> tuple[Mapping[str, str], bytes]:
    info, body = home.stores.originals.get(key)
    return info.metadata, body


def test_storescu_stores_the_dataset_as_it_was_sent(node: Running, home: Home, ct: Instance) -> None:
    sent = storescu(node.port, "-aet", "CT1", ct.path)
    assert sent.returncode == 0, sent.stderr
    node.settle()
    assert home.originals() == [ct.key]
    metadata, body = stored(home, ct.key)
    original = dcmread(ct.path)
    del original["DataSetTrailingPadding"]  # storescu does not send it
    assert encoded(dcmread(BytesIO(body))) == encoded(original)
    received_at = datetime.fromisoformat(metadata["received_at"])
    assert received_at.tzinfo == UTC
    assert metadata == {
        "calling_ae": "CT1",
        "called_ae": "RAIPACS",
        "source_ip": "127.0.0.1",
        "branch_id": "main",
        "received_at": metadata["received_at"],
        "transfer_syntax_uid": EXPLICIT_LITTLE,
        "sop_class_uid": CT_IMAGE,
        "sha256": hashlib.sha256(body).hexdigest(),
    }


@pytest.mark.parametrize("fragment", [64, 4094, 131066, 1 << 20])
def test_bytes_are_kept_as_received_however_they_are_cut(
    node: Running, home: Home, ct: Instance, fragment: int
) -> None:
    with node.sender() as sender:
        assert sender.store(ct.dataset, *ct.announced, fragment=fragment) == (0, "")
        sender.release()
    _, body = stored(home, ct.key)
    assert body == part10.file_meta(*ct.announced, EXPLICIT_LITTLE) + ct.dataset


def test_several_values_in_one_pdu_and_a_command_in_pieces_are_put_together(
    node: Running, home: Home, ct: Instance
) -> None:
    with node.sender() as sender:
        command = sender.command(*ct.announced)
        sender.connection.sendall(
            sender.pdu(
                sender.value(1, command[:10]),
                sender.value(3, command[10:]),
                sender.value(0, ct.dataset[:1000]),
                sender.value(2, ct.dataset[1000:]),
            )
        )
        assert sender.response() == (0, "")
    assert stored(home, ct.key)[1].endswith(ct.dataset)


def test_a_peer_that_takes_only_small_pdus_gets_its_response_in_pieces(node: Running, ct: Instance) -> None:
    with node.sender(maximum=64) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        assert sender.store(ct.dataset, ct.sop_class_uid, "1.2.3")[0] == 0xA900


TRANSFER_SYNTAXES = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
]


@pytest.mark.parametrize("transfer_syntax", TRANSFER_SYNTAXES)
def test_every_transfer_syntax_of_the_standard_is_taken(node: Running, home: Home, transfer_syntax: str) -> None:
    ds = dcmread(str(get_testdata_file("CT_small.dcm")))
    big, implicit = transfer_syntax.endswith(".2.2"), transfer_syntax == "1.2.840.10008.1.2"
    data = encoded(ds, implicit=implicit, big=big)
    if transfer_syntax.endswith("1.99"):
        import zlib

        deflater = zlib.compressobj(wbits=-15)
        data = deflater.compress(data) + deflater.flush()
    with node.sender(contexts=[(CT_IMAGE, [transfer_syntax])]) as sender:
        assert sender.accepted == {1: transfer_syntax}
        assert sender.store(data, ds.SOPClassUID, ds.SOPInstanceUID) == (0, "")
    metadata, body = stored(home, home.originals()[0])
    assert metadata["transfer_syntax_uid"] == transfer_syntax
    assert body.endswith(data)


FILES = [
    "JPEG2000.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "image_dfl.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small_RLE.dcm",
]


@pytest.mark.parametrize("name", FILES)
def test_real_compressed_files_arrive_byte_by_byte(node: Running, home: Home, name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    instance = instance_of(Path(path))
    syntax = str(dcmread(path).file_meta.TransferSyntaxUID)
    with node.sender(contexts=[(instance.sop_class_uid, [syntax])]) as sender:
        assert sender.store(instance.dataset, *instance.announced) == (0, "")
    assert stored(home, instance.key)[1].endswith(instance.dataset)


@pytest.mark.parametrize("sop_class", [PRIVATE_CLASS, "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.999"])
def test_private_retired_and_unheard_of_storage_classes_are_taken(
    node: Running, home: Home, ct: Instance, sop_class: str
) -> None:
    ds = dcmread(ct.path)
    ds.SOPClassUID = sop_class
    with node.sender(contexts=[(sop_class, [EXPLICIT_LITTLE])]) as sender:
        assert sender.store(encoded(ds), sop_class, ct.sop_instance_uid) == (0, "")
    assert stored(home, ct.key)[0]["sop_class_uid"] == sop_class


def test_the_same_bytes_again_change_nothing_whoever_sends_them(node: Running, home: Home, ct: Instance) -> None:
    for calling in ("CT1", "CT2"):
        with node.sender(calling=calling) as sender:
            assert sender.store(ct.dataset, *ct.announced) == (0, "")
            sender.release()
        outcome = node.record()["outcomes"]
    assert outcome == {"unchanged": 1}
    assert len(home.stores.originals.versions(ct.key)) == 1
    assert stored(home, ct.key)[0]["calling_ae"] == "CT1"


def test_other_bytes_replace_the_instance_and_the_older_stays_as_a_version(
    node: Running, home: Home, ct: Instance
) -> None:
    ds = dcmread(ct.path)
    ds.InstanceNumber = 77
    with node.sender() as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        assert sender.store(encoded(ds), *ct.announced) == (0, "")
    assert stored(home, ct.key)[1].endswith(encoded(ds))
    assert len(home.stores.originals.versions(ct.key)) == 2


def changed(ct: Instance, keyword: str, value: str | None) -> bytes:
    ds = dcmread(ct.path)
    del ds[keyword]
    if value is not None:
        ds.add_new(keyword, "LO", value)
    return encoded(ds, implicit=True)


@pytest.mark.parametrize(
    ("keyword", "value", "status", "comment"),
    [
        ("SOPClassUID", "1.2.3", 0xA900, "dataset is of another SOP class than announced"),
        ("SOPInstanceUID", "1.2.3", 0xA900, "dataset is another instance than announced"),
        ("SOPClassUID", None, 0xC000, "SOPClassUID is missing"),
        ("SOPInstanceUID", "", 0xC000, "SOPInstanceUID is missing"),
        ("StudyInstanceUID", None, 0xC000, "StudyInstanceUID is missing"),
        ("SeriesInstanceUID", "1.2.Doe^John", 0xC000, "SeriesInstanceUID is not a UID"),
        ("StudyInstanceUID", "../../../etc", 0xC000, "StudyInstanceUID is not a UID"),
    ],
)
def test_a_dataset_that_cannot_be_kept_is_refused_and_the_next_one_is_not(
    node: Running, home: Home, ct: Instance, keyword: str, value: str | None, status: int, comment: str
) -> None:
    with node.sender(contexts=[(CT_IMAGE, ["1.2.840.10008.1.2"])]) as sender:
        assert sender.store(changed(ct, keyword, value), *ct.announced) == (status, comment)
        assert home.originals() == []
        assert sender.store(encoded(dcmread(ct.path), implicit=True), *ct.announced) == (0, "")
        sender.release()
    assert node.record()["failures"] == {f"{status:04X}": 1}


def test_a_dataset_that_ends_in_its_header_hides_no_older_version(node: Running, home: Home, ct: Instance) -> None:
    pixels = ct.dataset.index(b"\xe0\x7f\x10\x00")
    with node.sender() as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        cut = sender.store(ct.dataset[: pixels - 3], *ct.announced)
        assert cut == (0xC000, "the object ends in the middle of its header")
        assert len(home.stores.originals.versions(ct.key)) == 1
        assert sender.store(ct.dataset[: pixels + 100], *ct.announced) == (0, "")
        sender.release()
    node.settle()
    assert len(home.stores.originals.versions(ct.key)) == 2


@pytest.mark.parametrize("instance", ["", "1.2.Doe", "1" * 65])
def test_an_announced_uid_that_is_none_is_refused_and_its_dataset_read_away(
    node: Running, home: Home, ct: Instance, instance: str
) -> None:
    with node.sender() as sender:
        assert sender.store(ct.dataset, CT_IMAGE, instance)[0] == 0xC000
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
    assert home.originals() == [ct.key]


def test_a_request_without_a_dataset_is_refused(node: Running, home: Home, ct: Instance) -> None:
    with node.sender() as sender:
        assert sender.store(b"", *ct.announced) == (0xC000, "there is no dataset")
        sender.connection.sendall(sender.pdu(sender.value(3, sender.command(*ct.announced)), sender.value(2, b"")))
        assert sender.response() == (0xC000, "there is no dataset")
    assert home.originals() == []


def test_bytes_that_are_no_dataset_are_refused(node: Running, ct: Instance) -> None:
    with node.sender() as sender:
        assert sender.store(os.urandom(3000), *ct.announced)[0] == 0xC000


class Broken:
    """A store whose writing fails; a fake on the port around a real store."""

    def __init__(self, real: ObjectStore, error: Exception) -> None:
        self._real = real
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def store_original(self, key: str, body: bytes | Path, *, sha256: str, metadata: Mapping[str, str]) -> Outcome:
        raise self._error


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (StoreUnavailable("the store is full"), (0xA700, "the store is full")),
        (RuntimeError("Doe^John"), (0x0110, "internal error")),
    ],
)
def test_success_is_never_said_when_the_store_has_it_not(
    run: Run, home: Home, ct: Instance, error: Exception, answer: tuple[int, str]
) -> None:
    broken: Any = Broken(home.stores.originals, error)
    node = run(through=replace(home.stores, originals=broken))
    with node.sender() as sender:
        assert sender.store(ct.dataset, *ct.announced) == answer
        sender.release()
    assert node.record()["failures"] == {f"{answer[0]:04X}": 1}


def test_a_store_that_fails_makes_storescu_fail(run: Run, home: Home, ct: Instance) -> None:
    broken: Any = Broken(home.stores.originals, StoreUnavailable("the store is full"))
    node = run(through=replace(home.stores, originals=broken))
    sent = storescu(node.port, ct.path)
    assert sent.returncode != 0
    assert "OutOfResources" in sent.stdout + sent.stderr


def large(ct: Instance, size: int) -> bytes:
    ds = dcmread(ct.path)
    ds.PixelData = bytes(size)
    return encoded(ds)


def test_a_large_object_passes_through_the_spool(node: Running, home: Home, ct: Instance) -> None:
    data = large(ct, 3 * arrival.MEMORY_BYTES)
    with node.sender() as sender:
        assert sender.store(data, *ct.announced) == (0, "")
        assert sender.store(data, *ct.announced) == (0, "")
    assert stored(home, ct.key)[1].endswith(data)
    assert list(home.settings.spool.iterdir()) == []


def test_a_spool_without_room_is_answered_with_out_of_resources(node: Running, home: Home, ct: Instance) -> None:
    home.settings.spool.rmdir()
    with node.sender() as sender:
        assert sender.store(large(ct, arrival.MEMORY_BYTES), *ct.announced)[0] == 0xA700
        assert sender.store(ct.dataset, *ct.announced) == (0, "")


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def test_memory_does_not_grow_with_the_size_of_an_object(
    spawn: Callable[..., Process], home: Home, ct: Instance
) -> None:
    process = spawn()
    with Sender(process.port) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        before = peak_mib(process.popen.pid)
        assert sender.store(large(ct, 200 << 20), *ct.announced) == (0, "")
    assert peak_mib(process.popen.pid) - before < 50
    assert home.stores.originals.head(ct.key).size_bytes > 200 << 20
    assert ct.key.startswith(ORGANIZATION)
