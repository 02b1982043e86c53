"""Associations: who is let in, what is agreed, what is left on record."""

import json
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AllStoragePresentationContexts

from gateway_scp import contexts, peers, wire
from pacs.dicom.modalities import KEY
from tests.gateway.conftest import OPEN_TABLE, Home, Process, Run, Running, wait_for
from tests.gateway.sender import A_ABORT, CT_IMAGE, EXPLICIT_LITTLE, ORGANIZATION, Instance

STRICT_TABLE: dict[str, Any] = {
    **OPEN_TABLE,
    "mode": "strict",
    "branches": [{"code": "DEV", "organization_id": ORGANIZATION, "branch_id": "dev"}],
    "modalities": [
        {"name": "ct", "calling_ae_title": "MODALITY", "organization_id": ORGANIZATION, "branch_id": "ct-room"}
    ],
}
VERIFICATION = "1.2.840.10008.1.1"
CALLING_UNKNOWN, CALLED_UNKNOWN, CONGESTION, LIMIT = (1, 1, 3), (1, 1, 7), (2, 3, 1), (2, 3, 2)


def test_echoscu_is_answered(node: Running) -> None:
    command = ["echoscu", "-v", "-aec", "RAIPACS", "127.0.0.1", str(node.port)]
    echoed = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert echoed.returncode == 0, echoed.stderr
    assert "Success" in echoed.stdout + echoed.stderr


def test_an_echo_between_two_stores_is_answered(node: Running, ct: Instance) -> None:
    with node.sender(contexts=[(CT_IMAGE, [EXPLICIT_LITTLE]), (VERIFICATION, ["1.2.840.10008.1.2"])]) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        echo = sender.command(VERIFICATION, "", field=0x30, data_set=0x101)
        sender.connection.sendall(sender.pdu(sender.value(3, echo, 3)))
        assert sender.response() == (0, "")
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        sender.release()


def test_the_senders_first_choice_among_ours_is_taken(node: Running) -> None:
    jpeg, implicit, jpip = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.94"
    private = "1.2.840.113619.5.2"
    proposed = [
        (CT_IMAGE, [jpeg, EXPLICIT_LITTLE]),
        (CT_IMAGE, [EXPLICIT_LITTLE, jpeg, implicit]),
        (CT_IMAGE, [private, implicit]),
        (CT_IMAGE, [jpip, implicit]),
        (CT_IMAGE, [private]),
        ("1.2.840.10008.5.1.4.31", [implicit]),  # modality worklist
        ("1.2.840.10008.5.1.4.38.2", [implicit]),  # searching for hanging protocols
    ]
    with node.sender(contexts=proposed) as sender:
        assert sender.accepted == {1: jpeg, 3: EXPLICIT_LITTLE, 5: implicit, 7: implicit}
        assert sender.results == {1: 0, 3: 0, 5: 0, 7: 0, 9: 4, 11: 3, 13: 3}
        sender.release()
    assert [each["transfer_syntax_uid"] for each in node.record()["contexts"]] == [
        jpeg,
        EXPLICIT_LITTLE,
        implicit,
        implicit,
    ]


def test_all_storage_classes_that_pynetdicom_knows_are_taken() -> None:
    known = [str(each.abstract_syntax) for each in AllStoragePresentationContexts]
    assert len(known) > 150
    assert [uid for uid in known if not contexts.supported(uid)] == []


def test_open_mode_lets_strangers_into_the_default_branch(node: Running, home: Home, ct: Instance) -> None:
    with node.sender(calling="NOBODY", called="ANYTHING") as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
    assert home.stores.originals.head(ct.key).metadata["branch_id"] == "main"


def test_strict_mode_refuses_strangers_by_the_standards_reasons(run: Run, home: Home) -> None:
    home.publish(STRICT_TABLE)
    node = run()
    assert node.refusal(calling="NOBODY") == CALLING_UNKNOWN
    assert node.refusal(called="RAIPACS_XYZ") == CALLED_UNKNOWN
    record = node.record()
    assert (record["end"], record["reason"]) == ("rejected", "called AE title not recognised")
    assert record["instances"] == 0
    assert node.refusal() is None


def test_storescu_understands_why_it_is_refused(run: Run, home: Home, ct: Instance) -> None:
    home.publish(STRICT_TABLE)
    command = ["storescu", "-aet", "NOBODY", "-aec", "RAIPACS", "127.0.0.1", str(run().port), str(ct.path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert refused.returncode != 0
    assert "Calling AE Title Not Recognized" in refused.stdout + refused.stderr


def test_a_branch_code_in_the_called_ae_title_decides_the_branch(run: Run, home: Home, ct: Instance) -> None:
    home.publish(STRICT_TABLE)
    node = run()
    with node.sender(called="RAIPACS_DEV") as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        sender.release()
    assert home.stores.originals.head(ct.key).metadata["branch_id"] == "dev"
    assert node.record()["modality"] == "ct"


def test_without_a_table_associations_are_refused_for_now_and_taken_once_there_is_one(run: Run, home: Home) -> None:
    home.stores.exchange.delete(KEY)
    node = run()
    assert node.refusal() == CONGESTION
    home.publish(OPEN_TABLE)
    assert node.refusal() is None


def test_a_changed_table_is_taken_over_and_a_broken_one_is_not(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(peers, "RELOAD_S", 0.02)
    node = run()
    assert node.refusal(calling="NOBODY") is None
    home.publish({"mode": "strict"})
    assert wait_for(lambda: any("modality table not read" in each.message for each in caplog.records))
    assert node.refusal(calling="NOBODY") is None
    home.publish(STRICT_TABLE)
    assert wait_for(lambda: node.refusal(calling="NOBODY") == CALLING_UNKNOWN)


def test_the_table_is_reloaded_within_thirty_seconds() -> None:
    assert peers.RELOAD_S < 30


def test_more_associations_than_allowed_are_refused_for_now(run: Run) -> None:
    node = run(dicom_max_associations=2)
    with node.sender() as first, node.sender() as second:
        assert first.rejected is second.rejected is None
        assert node.refusal() == LIMIT
        first.release()
    assert wait_for(lambda: node.refusal() is None)


def test_a_released_association_leaves_a_complete_record(node: Running, ct: Instance) -> None:
    with node.sender(calling="CT1") as sender:
        sender.store(ct.dataset, *ct.announced)
        sender.store(ct.dataset, CT_IMAGE, "1.2.3")
        sender.release()
    record = node.record()
    assert 0 < record.pop("seconds") < 60
    assert record.pop("began_at").endswith("+00:00")
    assert len(record.pop("id")) == 8
    assert record == {
        "peer": "127.0.0.1",
        "calling_ae": "CT1",
        "called_ae": "RAIPACS",
        "modality": "",
        "organization_id": ORGANIZATION,
        "branch_id": "main",
        "instances": 1,
        "outcomes": {"created": 1},
        "bytes": len(ct.dataset),
        "failures": {"A900": 1},
        "queries": {},
        "given": {},
        "end": "released",
        "reason": "",
        "contexts": [{"sop_class_uid": CT_IMAGE, "transfer_syntax_uid": EXPLICIT_LITTLE}],
    }


def test_a_records_key_says_when(node: Running, home: Home) -> None:
    node.sender().release()
    began = node.record()["began_at"]
    (key,) = [each.key for each in home.stores.exchange.scan("associations/")]
    assert key.startswith(f"associations/{began[:10]}/{began[11:19].replace(':', '')}-")


@pytest.mark.parametrize("part", [0, 1000])
def test_a_lost_connection_is_on_record_and_leaves_nothing(node: Running, home: Home, ct: Instance, part: int) -> None:
    sender = node.sender()
    command = sender.command(*ct.announced)
    sender.connection.sendall(sender.pdu(sender.value(3, command), sender.value(0, ct.dataset[:part])))
    sender.connection.close()
    record = node.record()
    assert (record["end"], record["instances"]) == ("lost", 0)
    assert home.originals() == []


def test_a_connection_lost_in_the_middle_of_a_large_object_leaves_no_file(node: Running, home: Home) -> None:
    sender = node.sender()
    fragment = sender.value(0, bytes(1 << 20))
    sender.connection.sendall(sender.pdu(sender.value(3, sender.command(CT_IMAGE, "1.2.3"))))
    for _ in range(12):
        sender.connection.sendall(sender.pdu(fragment))
    sender.connection.close()
    assert node.record()["end"] == "lost"
    assert list(home.settings.spool.iterdir()) == []


def test_an_abort_is_on_record(node: Running) -> None:
    node.sender().abort()
    assert node.record()["end"] == "aborted"


def test_an_idle_association_is_aborted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_S", 0.2)
    node = run()
    with node.sender() as sender:
        assert sender.read()[0] == A_ABORT
    record = node.record()
    assert (record["end"], record["reason"]) == ("aborted", "idle")


@pytest.mark.parametrize("limit", ["STALL_S"])
def test_a_peer_that_stops_in_the_middle_of_a_pdu_is_let_go(
    run: Run, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(wire, limit, 0.3)
    node = run()
    with node.sender() as sender:
        sender.connection.sendall(struct.pack(">BxL", 4, 1000) + b"half")
        assert sender.read() == (0, b"")
    assert node.record()["end"] == "lost"


GARBAGE = {
    "no PDU": b"GET / HTTP/1.1\r\n\r\n",
    "a value longer than its PDU": struct.pack(">BxLLBB", 4, 6, 500, 1, 3),
    "a value without control byte": struct.pack(">BxLLBB", 4, 6, 1, 1, 3),
    "a context that was not agreed": struct.pack(">BxLLBB", 4, 64, 60, 9, 3),
    "a dataset without command": struct.pack(">BxLLBB", 4, 10, 6, 1, 2) + b"1234",
    "a command that is none": struct.pack(">BxLLBB", 4, 14, 10, 1, 3) + b"12345678",
    "a long PDU of another kind": struct.pack(">BxL", 2, 1 << 31),
    "an endless command": (struct.pack(">BxLLBB", 4, 60006, 60002, 1, 1) + bytes(60000)) * 2,
    "another association request": struct.pack(">BxL", 1, 68) + bytes(68),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage_is_answered_with_an_abort_and_hurts_nobody_else(node: Running, ct: Instance, case: str) -> None:
    with node.sender() as other, node.sender() as sender:
        garbage = GARBAGE[case]
        if case == "a context that was not agreed":
            command = sender.command(*ct.announced)
            garbage = sender.pdu(sender.value(3, command, 9))
        sender.connection.sendall(garbage)
        assert sender.read()[0] == A_ABORT
        sender.connection.close()
        assert other.store(ct.dataset, *ct.announced) == (0, "")
        other.release()
    assert sorted(each["end"] for each in records(node)) == ["aborted", "released"]


def records(node: Running) -> list[dict[str, Any]]:
    node.settle()
    return node.home.records()


@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\n\r\n", struct.pack(">BxL", 1, 20) + b"x" * 20])
def test_what_is_no_association_ends_at_once_and_leaves_no_record(node: Running, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", node.port), timeout=20) as connection:
        connection.sendall(first)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(100):
            pass
    assert records(node) == []


def test_a_calling_ae_title_in_latin_1_is_no_reason_to_refuse(node: Running) -> None:
    assert node.refusal(called="RA\u00ddPACS") is None


def threads_and_files(pid: int) -> tuple[int, int]:
    return (len(list(Path(f"/proc/{pid}/task").iterdir())), len(list(Path(f"/proc/{pid}/fd").iterdir())))


def test_health_checks_by_tcp_leave_no_thread_no_file_and_no_line(
    spawn: Callable[..., Process], home: Home, ct: Instance
) -> None:
    process = spawn()
    address = ("127.0.0.1", process.port)
    before = threads_and_files(process.popen.pid)
    for n in range(500):
        with socket.create_connection(address) as connection:
            if n % 2:  # half of them leave with a reset, as load balancers do
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert wait_for(lambda: threads_and_files(process.popen.pid) == before)
    process.popen.terminate()
    assert [each["message"] for each in process.rest()] == ["modality table read", "listening", "leaving", "stopped"]


def test_a_thousand_open_connections_that_say_nothing_do_not_stop_a_sender(node: Running, ct: Instance) -> None:
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(600)]
    with node.sender() as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
    for each in silent:
        each.close()


def test_a_log_line_is_a_metric_and_names_no_patient(spawn: Callable[..., Process], ct: Instance) -> None:
    process = spawn()
    command = ["storescu", "-aet", "CT1", "-aec", "RAIPACS", "127.0.0.1", str(process.port), str(ct.path)]
    subprocess.run(command, check=True, timeout=30)
    line = process.read_until("association ended")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"]]
    assert {each["Name"]: line[each["Name"]] for each in directive["Metrics"]} == {
        "Instances": 1,
        "Bytes": line["bytes"],
        "Failures": 0,
        "Rejections": 0,
        "Seconds": line["seconds"],
    }
    process.popen.terminate()
    said = json.dumps(process.rest())
    assert "CompressedSamples" not in said
    assert ct.sop_instance_uid not in said
