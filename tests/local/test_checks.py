"""What stands in the way of a start is told in one line that names what to change."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import checks
from pacs.errors import NotConfigured


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(NotConfigured) as caught:
        call()
    assert "\n" not in caught.value.message
    assert caught.value.field
    return caught.value.message


def test_a_home_is_held_by_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LOCK_PATIENCE_S", 0)
    held = checks.open_home(tmp_path / "home")
    message = refusal(lambda: checks.open_home(tmp_path / "home"))
    assert f"in use by process {os.getpid()}" in message
    assert "PACS_HOME" in message
    os.close(held)
    os.close(checks.open_home(tmp_path / "home"))


def test_a_home_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    checks.write_version(tmp_path)
    checks.check_version(tmp_path)
    (tmp_path / "version").write_text("99.0.0\n")
    message = refusal(lambda: checks.check_version(tmp_path))
    assert "99.0.0" in message
    assert checks.our_version() in message


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    message = refusal(lambda: checks.check_disk(tmp_path, free_bytes_min=1 << 60))
    assert "MB free" in message
    assert "PACS_HOME" in message


def test_a_file_system_without_attributes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "setxattr", refuse)
    assert "ext4, xfs or btrfs" in refusal(lambda: os.close(checks.open_home(tmp_path)))


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "set PACS_HOME to another folder" in refusal(lambda: checks.open_home(tmp_path / "file"))


def test_a_busy_port_is_told_by_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        message = refusal(lambda: checks.listen("127.0.0.1", port, "PACS_HTTP_PORT"))
        assert f"port {port} on 127.0.0.1 is in use" in message
        assert "set PACS_HTTP_PORT" in message
        assert "set PACS_DICOM_PORT" in refusal(lambda: checks.free_port("127.0.0.1", port, "PACS_DICOM_PORT"))
    assert checks.free_port("127.0.0.1", port, "PACS_DICOM_PORT") == port


@pytest.mark.parametrize(
    ("address", "port", "setting"),
    [("192.0.2.1", 8042, "PACS_BIND"), ("nowhere.invalid", 8042, "PACS_BIND"), ("127.0.0.1", 70000, "PACS_HTTP_PORT")],
)
def test_an_address_that_is_none_is_told_by_its_setting(address: str, port: int, setting: str) -> None:
    assert f"set {setting}" in refusal(lambda: checks.listen(address, port, "PACS_HTTP_PORT"))
