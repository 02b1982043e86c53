"""One archive that runs for the whole session, one home whose archive does not, and the command itself."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from infra.local.checks import write_version
from pacs.bootstrap import Services
from pacs.dicom import modalities
from pacs.local.secrets import SecretsFile
from pacs.settings import Settings
from tests.cli.prompt import Done, Prompt
from tests.leaks import require_silent

PACS = Path(sys.executable).with_name("pacs")
BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
START_S = 60.0
ORGANIZATION, BRANCH = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@dataclass(frozen=True)
class Command:
    """`pacs` in one home."""

    home: Path
    prompt: Prompt

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PACS_")}
        ours = {"PACS_HOME": str(self.home), "PACS_HTTP_PORT": "0", "PACS_DICOM_PORT": "0", "PACS_SAMPLE": "0"}
        return kept | ours

    def begin(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen([PACS, *arguments], env=self.environment(), stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *arguments: str | Path, said: str = "") -> Done:
        """Run to the end, with this on the standard input."""
        return self.prompt([str(each) for each in arguments], self.environment(), said)


@pytest.fixture(scope="session")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prompt]:
    prompt = Prompt(tmp_path_factory.mktemp("prompt"))
    yield prompt
    prompt.close()


@pytest.fixture(scope="session")
def pacs(tmp_path_factory: pytest.TempPathFactory, prompt: Prompt) -> Iterator[Command]:
    """The command, in a home whose archive runs."""
    command = Command(tmp_path_factory.mktemp("running"), prompt)
    process = command.begin("up", "--json")
    ready = command.home / "ready.json"
    deadline = time.monotonic() + START_S
    while not ready.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    yield command
    process.terminate()
    require_silent("\n".join(process.communicate(timeout=START_S)))


@pytest.fixture
def stopped(tmp_path: Path, prompt: Prompt) -> Command:
    """The command, in a home that was used and is not running."""
    home = tmp_path / "stopped"
    home.mkdir()
    (home / "lock").touch()
    write_version(home)
    SecretsFile(home / "secrets.json").create()
    place = {"organization_id": ORGANIZATION, "branch_id": BRANCH}
    table = {"mode": "open", "default": place, "branches": [], "modalities": []}
    Services(Settings(home=home)).exchange.put(modalities.KEY, json.dumps(table).encode())
    return Command(home, prompt)


@pytest.fixture
def in_process(
    stopped: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The command in this process, which is quicker; in the home that is not running."""
    from infra.cli import main

    monkeypatch.setenv("PACS_HOME", str(stopped.home))

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["pacs", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def write_study(folder: Path, count: int, *, name: str = "MR_small.dcm") -> str:
    """A new study of `count` small instances in one series; its UID."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = dcmread(BUNDLED / name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    for number in range(1, count + 1):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number
        dataset.save_as(folder / f"{number:04}.dcm")
    return str(dataset.StudyInstanceUID)


Write = Callable[..., str]


@pytest.fixture
def study() -> Write:
    return write_study
