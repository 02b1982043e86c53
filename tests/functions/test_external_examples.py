"""The examples of docs/report-api.md run as they stand, and what it promises is what the code does."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from pacs.dictation import audio, requests, submitting
from pacs.errors import ANSWERS
from pacs.people.limits import PER_MINUTE
from tests.functions.conftest import Clinic
from tests.functions.integrators import SPOKEN, house, integrator_of, port
from tests.models.fake_models import recording_of

__all__ = ["house", "port"]

GUIDE = (Path(__file__).parents[2] / "docs/report-api.md").read_text()
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
LIMITS = GUIDE.partition("\n## Limits\n")[2]


def test_the_examples_run_as_they_stand(house: Clinic, port: int, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\n')
    for seed, name in enumerate(("dictation.wav", "large.wav")):
        (tmp_path / name).write_bytes(recording_of("Bulgular normaldir.", seed=seed))
    (tmp_path / "other.webm").write_bytes((SPOKEN / "speech.webm").read_bytes())
    integrator = integrator_of(house)
    environment = os.environ | {"PACS": house.services.settings.origin, "KEY": integrator.key, "HOME": str(tmp_path)}
    environment |= {"CURL_HOME": str(tmp_path), "no_proxy": "*"}
    assert len(EXAMPLES) == 5
    for example in EXAMPLES:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, (example, done.stdout, done.stderr)
    assert done.stdout.endswith("ACC-001: Normal.\nACC-002: Normal.\n")
    assert (integrator.balance.available, integrator.balance.used) == (6, 4)


@pytest.mark.parametrize(("mib", "key", "status"), [(51, "", 413), (80, "", 413), (20, "rapi_x", 401)])
def test_who_sends_too_much_hears_so(house: Clinic, port: int, tmp_path: Path, mib: int, key: str, status: int) -> None:
    (tmp_path / "large.wav").write_bytes(bytes(mib << 20))
    bearer = f"Authorization: Bearer {key or integrator_of(house).key}"
    url = f"http://127.0.0.1:{port}/api/external/v1/report"
    command = ["curl", "-sS", url, "-H", bearer, "-F", "audio=@large.wav", "-o", "told.json", "-w", "%{http_code}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, str(status)), done.stderr
    code = {401: "UNAUTHORIZED", 413: "PAYLOAD_TOO_LARGE"}[status]
    assert json.loads((tmp_path / "told.json").read_text())["code"] == code


def test_the_errors_and_limits_are_those_of_the_code() -> None:
    errors = GUIDE.partition("\n## Errors\n")[2].partition("\n## Limits\n")[0]
    codes = {
        code: status
        for status, row in re.findall(r"^\| (\d{3}) \| (`.*?) \|", errors, re.M)
        for code in re.findall(r"`(\w+)`", row)
    }
    ours = {each.code: str(each.http_status) for each in ANSWERS.values()} | {
        "UNAUTHORIZED": "401",
        "RATE_LIMIT": "429",
    }
    assert len(codes) == 15 and codes.items() <= ours.items()
    assert (
        f"{submitting.MOST_BYTES >> 20} MB; {audio.SHORTEST_S} seconds to {audio.LONGEST_S / 3600:.0f} hours" in LIMITS
    )
    assert f"{requests.MOST_EXAMS} in one request" in LIMITS and f"{requests.LONGEST_TEMPLATE:,} characters" in LIMITS
    assert f"{PER_MINUTE} a minute and key" in LIMITS
    guide = GUIDE.replace("\n", " ")
    assert f"latest {submitting.MEASURED_MOST} jobs" in guide
    assert f"until {submitting.MEASURED_LEAST} have ended {submitting.SECONDS_AN_EXAM} seconds" in guide
