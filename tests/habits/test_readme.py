"""Every command of the README is run as it stands, on ports and in a home of this test's own."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.fake_models import FakeModels, serving

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
# This suite is `make test`, and `make up` is what the others ask.
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
# What sets variables is one script, all else one command a line.
USED = [
    script
    for block in BLOCKS
    for script in ([block] if "=$(" in block else block.splitlines())
    if not script.startswith("make ")
]
START_S = 100


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def models() -> Iterator[FakeModels]:
    """What hears the recording of the report API."""
    with serving() as models:
        yield models


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, models: FakeModels) -> Iterator[dict[str, str]]:
    """`make up`, until it is ready; the environment of those who use it."""
    home = tmp_path_factory.mktemp("readme") / "home"
    environment = os.environ | {
        "PACS_HOME": str(home),
        "PACS_HTTP_PORT": str(free_port()),
        "PACS_DICOM_PORT": str(free_port()),
        **{f"PACS_{kind}_URL": models.url for kind in ("SPEECH", "LANGUAGE")},
        **{f"PACS_{kind}_MODEL": "small" for kind in ("SPEECH", "LANGUAGE")},
    }
    command = next(command for command in COMMANDS if command == "make up")
    process = subprocess.Popen(
        command.split(), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    assert (home / "ready.json").exists(), said
    assert "Password" in said and "/ohif?token=" in said
    yield environment | {"PACS_PID": str(json.loads((home / "ready.json").read_text())["pid"])}
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C sends
    process.stdout.close()
    process.wait(START_S)  # make itself dies of the signal; that everything stopped in order shows in the home
    assert not (home / "ready.json").exists()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("command", USED)
def test_a_command_of_the_readme(up: dict[str, str], command: str) -> None:
    here = command.replace("4242", up["PACS_DICOM_PORT"]).replace("8042", up["PACS_HTTP_PORT"])
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", here], cwd=ROOT, env=up, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"failed"' not in done.stdout
    if "/api/external" in command:
        assert "Patoloji saptanmadı" in done.stdout


def test_every_target_of_make_is_in_the_readme() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^\s*make ([a-z]+)\s", shown, re.MULTILINE))
    assert targets == set(re.findall(r"^\| `make ([a-z]+)`", (ROOT / "README.md").read_text(), re.MULTILINE))
