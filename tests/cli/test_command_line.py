"""What is asked, and how mistakes are told: no archive is needed for that."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.cli_options import parse_ttl
from infra.documents import commands
from pacs.errors import BadRequest
from pacs.people.scope import MEMBER_ROLES as ROLES

OPTIONS = {
    "up": {"--json"},
    "import": {"--json"},
    "status": {"--json"},
    "launch": {"--ttl", "--return-url", "--privacy", "--json"},
    "token": {"--studies", "--role", "--ttl", "--json"},
    "reindex": {"--study", "--json"},
    "delete": {"--yes", "--json"},
    "restore": {"--json"},
    "failures": {"--retry", "--json"},
    "org add": {"--json"},
    "org list": {"--json"},
    "branch add": {"--code", "--json"},
    "member add": {
        "--org",
        "--role",
        "--branch",
        "--name",
        "--manager",
        "--importer",
        "--password-stdin",
        "--json",
    },
    "member list": {"--org", "--json"},
    "member disable": {"--org", "--json"},
    "member enable": {"--org", "--json"},
    "key create": {"--member", "--name", "--scope", "--expires", "--json"},
    "key list": {"--member", "--json"},
    "key rotate": {"--member", "--overlap", "--json"},
    "key revoke": {"--member", "--json"},
    "mask add": {"--org", "--modality", "--manufacturer", "--size", "--rectangle", "--json"},
    "mask list": {"--org", "--json"},
    "mask remove": {"--org", "--json"},
    "credits add": {"--reason", "--json"},
    "credits show": {"--json"},
    "callbacks list": {"--job", "--dead", "--limit", "--json"},
    "callbacks resend": {"--dead", "--json"},
    "ai providers": {"--org", "--json"},
    "ai test": {"--image", "--org", "--json"},
    "ai health": {"--org", "--json"},
    "ai eval": {"--provider", "--preset", "--language", "--limit", "--out", "--org", "--json"},
    "ai cron-token": {"--ttl", "--revoke", "--org", "--json"},
    "demo": {"--json"},
}
UID = "1.2.826.0.1.3680043.8.498.1"


def test_every_command_of_the_archive_is_there() -> None:
    assert set(commands()) == set(OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_tells_every_option(command: str) -> None:
    found = commands()[command]
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "250"})
    assert shown.exit_code == 0
    there = {name for each in found.params for name in each.opts if name.startswith("-")}
    assert there == OPTIONS[command]
    assert all(option in shown.output for option in there)
    assert all(each.help and each.help in shown.output for each in found.params)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28800), ("7d", 604800), ("45", 45)])
def test_times_are_told_with_their_unit(text: str, seconds: int) -> None:
    assert parse_ttl(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0h", "-1h", "8 h", "1.5h", "h", "8x", "8d", "٣h", "9" * 4000 + "s"])
def test_other_times_are_refused_by_name(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_ttl(text)
    assert refused.value.field == "ttl_s"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["launch", "1.2.x"], 1, "STUDY_UID: '1.2.x' is not a UID"),
        (["launch", UID, "--ttl", "30d"], 1, "--ttl: '30d' is no time between 1s and 7d"),
        (["launch", UID], 1, "start it with `make up`, or set PACS_HOME"),
        (["launch"], 2, "Missing argument 'STUDY_UID': see `pacs launch --help`"),
        (["token"], 1, "give either --studies or --role"),
        (["token", "--studies", UID, "--role", "admin"], 1, "give either --studies or --role"),
        (["token", "--role", "system"], 1, f"--role: 'system' is none of {', '.join(ROLES)}"),
        (["token", "--studies", f"{UID},x"], 1, "--studies: 'x' is not a UID"),
        (["token", "--studies", ",".join(f"1.{number}" for number in range(17))], 1, "between 1 and 16 studies"),
        (["reindex", "--study", "x"], 1, "--study: 'x' is not a UID"),
        (["reindex"], 1, "start it with `make up`, or set PACS_HOME"),
        (["status"], 1, "start it with `make up`, or set PACS_HOME"),
        (["failures"], 1, "start it with `make up`, or set PACS_HOME"),
        (["import"], 2, "Missing argument 'PATH': see `pacs import --help`"),
        (["import", "/there/is/nothing"], 1, "/there/is/nothing: No such file or directory"),
        (["bogus"], 2, "No such command 'bogus'"),
        (["status", "--colour"], 2, "No such option: --colour"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line(
    in_process: Callable[..., Any], arguments: list[str], code: int, told: str
) -> None:
    done = in_process(*arguments)
    assert (done.code, done.out) == (code, "")
    assert told in done.err and done.err.startswith("pacs: ") and done.err.count("\n") == 1
    as_json = in_process(*arguments, "--json")
    assert (as_json.code, as_json.err) == (code, "")
    assert told in as_json.document["message"] and set(as_json.document) == {"code", "message", "field"}


def test_a_wrong_home_is_named_and_not_made(
    in_process: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "typo"
    monkeypatch.setenv("PACS_HOME", str(wrong))
    for arguments in (["import", str(tmp_path)], ["token", "--role", "admin"], ["status"]):
        done = in_process(*arguments)
        assert done.code == 1
        assert done.err == f"pacs: PACS_HOME={wrong} holds no archive: start one with `make up`, or set PACS_HOME\n"
    assert not wrong.exists()


def test_a_home_that_cannot_be_read_is_named(
    in_process: Callable[..., Any], stopped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stopped.home / "lock").unlink()
    (stopped.home / "lock").symlink_to("lock")
    assert in_process("status").err.startswith(f"pacs: PACS_HOME={stopped.home} cannot be read (")
    monkeypatch.setenv("PACS_HTTP_PORT", "eighty")
    assert in_process("status").err == "pacs: PACS_HTTP_PORT must be a whole number\n"


def test_a_home_of_a_newer_version_is_left_alone(in_process: Callable[..., Any], stopped: Any) -> None:
    (stopped.home / "version").write_text("999.0\n")
    assert "was written by version 999.0" in in_process("token", "--role", "admin").err


def test_a_token_needs_no_running_archive(in_process: Callable[..., Any]) -> None:
    text = in_process("token", "--role", "radiologist", "--ttl", "30m")
    assert text.code == 0 and text.out.count(".") == 2 and text.out.count("\n") == 1
    assert set(json.loads(in_process("token", "--studies", f"{UID}, {UID}.2", "--json").out)) == {"token"}


def test_the_command_alone_shows_its_help(in_process: Callable[..., Any]) -> None:
    done = in_process()
    assert done.code == 2 and "import" in done.out and done.err == ""
