"""The node as a process: how it starts, shares its port, and ends."""

import json
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import evt

from gateway_scp import handlers, scp
from gateway_scp.settings import GatewaySettings
from pacs.errors import NotConfigured
from tests.gateway.conftest import Home, Process, Run, Running, wait_for
from tests.gateway.sender import A_ABORT, CT_IMAGE, Instance, Sender

Spawn = Callable[..., Process]


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def health(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
            return answer.status, json.load(answer)["status"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["status"]


def test_one_line_says_when_it_listens(spawn: Spawn) -> None:
    process = spawn(PACS_AE_TITLE="ARCHIVE")
    line = process.read_until("listening")
    assert (line["level"], line["ae_title"], line["tls"]) == ("INFO", "ARCHIVE", False)
    with Sender(line["port"], called="ARCHIVE") as sender:
        assert sender.rejected is None


@pytest.mark.parametrize("variable", ["PACS_DICOM_PORT", "PACS_DICOM_HEALTH_PORT"])
def test_a_busy_port_is_one_line_that_names_the_variable(spawn: Spawn, busy_port: int, variable: str) -> None:
    process = spawn(**{variable: str(busy_port)})
    (line,) = process.rest()
    assert line["message"] == f"port {busy_port} is in use: set {variable} to another one"
    assert process.popen.returncode == 1


def test_a_setting_that_does_not_parse_is_one_line_that_names_it(spawn: Spawn) -> None:
    process = spawn(PACS_DICOM_MAX_ASSOCIATIONS="many")
    (line,) = process.rest()
    assert "PACS_DICOM_MAX_ASSOCIATIONS" in line["message"]
    assert process.popen.returncode == 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"PACS_DICOM_TLS_CERTIFICATE": "a"}, "PACS_DICOM_TLS_KEY"),
        ({"PACS_DICOM_TLS_KEY": "a"}, "PACS_DICOM_TLS_CERTIFICATE"),
        ({"PACS_DICOM_TLS_CLIENT_CA": "a"}, "PACS_DICOM_TLS_CERTIFICATE"),
    ],
)
def test_half_a_tls_configuration_is_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(NotConfigured) as refused:
        GatewaySettings.from_environment(given)
    assert refused.value.field == named


def test_large_objects_are_spooled_beside_the_store_or_where_they_are_told(tmp_path: Path) -> None:
    assert GatewaySettings(home=tmp_path).spool == tmp_path / "spool"
    assert GatewaySettings(home=tmp_path, dicom_spool="/x").spool == Path("/x")
    assert GatewaySettings(platform="aws").spool.parts[-1] == "spool"


def test_sigterm_lets_open_associations_finish_and_takes_no_new_one(spawn: Spawn, home: Home, ct: Instance) -> None:
    process = spawn()
    with Sender(process.port) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        process.popen.terminate()
        process.read_until("leaving")
        with pytest.raises(ConnectionRefusedError):
            Sender(process.port)
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        sender.release()
    assert process.popen.wait(20) == 0
    assert [each["end"] for each in home.records()] == ["released"]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(spawn: Spawn, home: Home, second: signal.Signals) -> None:
    process = spawn()
    with Sender(process.port) as sender:
        process.popen.send_signal(signal.SIGINT)
        process.read_until("leaving")
        process.popen.send_signal(second)
        assert sender.read()[0] == A_ABORT
    assert process.popen.wait(20) == 0
    (record,) = home.records()
    assert (record["end"], record["reason"]) == ("aborted", "the node is leaving")


def test_after_the_time_for_draining_open_associations_are_aborted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scp.DRAIN_S + 2 * scp.ABORT_S < 110
    monkeypatch.setattr(scp, "DRAIN_S", 0.2)
    running = run()
    with running.sender() as sender:
        running.node.leave()
        assert sender.read()[0] == A_ABORT
    running.thread.join(20)
    assert running.record()["end"] == "aborted"


def test_a_peer_that_was_accepted_in_this_moment_hears_the_abort(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection was closed without a word, because the association did not call itself established yet."""
    heard = threading.Event()
    accepted = (evt.EVT_ACCEPTED, lambda event, visit: heard.wait(20))
    monkeypatch.setattr(handlers, "HANDLERS", (*handlers.HANDLERS, accepted))
    running = run()
    with running.sender() as sender:
        running.node.leave()
        running.node.leave()
        assert sender.read()[0] == A_ABORT
        heard.set()
    running.thread.join(20)
    assert running.record()["end"] == "aborted"


def test_a_stalled_sender_does_not_keep_a_second_signal_waiting(spawn: Spawn, home: Home, ct: Instance) -> None:
    process = spawn()
    with Sender(process.port) as sender:
        whole = sender.pdu(sender.value(3, sender.command(*ct.announced)), sender.value(2, ct.dataset))
        sender.connection.sendall(whole[:-10])
        process.popen.terminate()
        process.read_until("leaving")
        process.popen.terminate()
        assert process.popen.wait(20) == 0
    (record,) = home.records()
    assert record["reason"] == "the node is leaving"


def test_two_processes_share_one_port(spawn: Spawn, home: Home, ct: Instance) -> None:
    first = spawn(PACS_DICOM_REUSE_PORT="1")
    second = spawn(PACS_DICOM_REUSE_PORT="1", PACS_DICOM_PORT=str(first.port))
    assert second.port == first.port
    for _ in range(20):
        with Sender(first.port) as sender:
            assert sender.store(ct.dataset, *ct.announced) == (0, "")
            sender.release()
    for process in (first, second):
        process.popen.terminate()
    ends = [sum(line["message"] == "association ended" for line in each.rest()) for each in (first, second)]
    assert sum(ends) == 20
    assert min(ends) > 0


def test_what_was_acknowledged_survives_a_kill_in_mid_association(spawn: Spawn, home: Home, ct: Instance) -> None:
    process = spawn()
    with Sender(process.port) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        fragment = sender.value(0, bytes(1 << 20))
        sender.connection.sendall(sender.pdu(sender.value(3, sender.command(CT_IMAGE, "1.2.3"))))
        for _ in range(12):
            sender.connection.sendall(sender.pdu(fragment))
        assert wait_for(lambda: list(home.settings.spool.iterdir()) != [])
        process.popen.kill()
        process.popen.wait()
    assert home.originals() == [ct.key]
    assert home.stores.originals.get(ct.key)[1].endswith(ct.dataset)
    again = spawn()
    with Sender(again.port) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
    assert list(home.settings.spool.iterdir()) == []


def test_healthz_says_whether_instances_can_be_stored(run: Run, home: Home) -> None:
    running = run(dicom_health_port=free_port())
    port = running.node.health_port
    assert health(port) == (200, "ok")
    objects = home.settings.home / "store" / "originals" / "objects"
    objects.rmdir()
    objects.symlink_to(objects)  # too many levels of links: the store cannot answer
    status, reason = health(port)
    assert status == 503
    assert "store" in reason
    objects.unlink()
    objects.mkdir()
    assert health(port) == (200, "ok")


def test_healthz_says_that_a_node_is_leaving(run: Run) -> None:
    running = run(dicom_health_port=free_port())
    with running.sender() as sender:
        running.node.leave()
        assert wait_for(lambda: health(running.node.health_port) == (503, "leaving"))
        sender.release()


def test_another_path_is_not_found(run: Run) -> None:
    running = run(dicom_health_port=free_port())
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{running.node.health_port}/", timeout=20)
    refused.value.close()
    assert refused.value.code == 404


def sent_in_parallel(port: int, ct: Instance) -> list[int]:
    codes: list[int] = []

    def send() -> None:
        command = ["storescu", "-aec", "RAIPACS", "--repeat", "5", "127.0.0.1", str(port), str(ct.path)]
        codes.append(subprocess.run(command, timeout=60).returncode)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return codes


def test_several_senders_at_once_are_all_answered(node: Running, home: Home, ct: Instance) -> None:
    assert sent_in_parallel(node.port, ct) == [0] * 4
    node.settle()
    assert sum(each["instances"] for each in home.records()) == 20
    assert len(home.stores.originals.versions(ct.key)) == 1
