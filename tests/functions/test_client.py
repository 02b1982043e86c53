"""docs/clients/raportai.py, which integrators copy, against the real functions."""

import ast
import json
import os
import random
import subprocess
import sys
import urllib.request
import uuid
import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docs.clients.raportai import LARGEST_FORM, RaportAI, ReportApiError, verify_callback
from pacs.dictation.callbacks import sign
from pacs.dictation.jobs import end_job
from pacs.people.limits import PER_MINUTE
from pacs.reporting.credits import Balance
from tests.archive.conftest import KeptWorkflow
from tests.functions.conftest import Clinic
from tests.functions.integrators import Integrator, QuickWorkflow, house, integrator, integrator_of, port

__all__ = ["house", "integrator", "port"]

FILE = Path(__file__).parents[2] / "docs/clients/raportai.py"
EXAMS: Any = [{"sutCode": "803910", "accessionNumber": "ACC-1"}, {"sutCode": "804102"}]


@pytest.fixture(autouse=True)
def through_a_proxy(house: Clinic, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's address has the house's name, which leads nowhere but through a proxy: the house itself."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it knows the proxies of its first use
    house.services.__dict__["workflow"] = QuickWorkflow(house.services)


class Sleep:
    """What a client does in place of sleeping: time passes for the house, and things happen in it."""

    def __init__(self, house: Clinic, *happens: Callable[[], Any]) -> None:
        self.house, self.happens, self.slept = house, list(happens), list[float]()

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        clock: Any = self.house.services.clock
        clock.pass_s(seconds)
        if self.happens:
            self.happens.pop(0)()


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def test_a_recording_becomes_reports(url: str, integrator: Integrator) -> None:
    api = RaportAI(url, integrator.key)
    submitted = api.submit(integrator.recording(), EXAMS, patientUid="1.2.3", inputLang="en")
    assert (submitted["status"], submitted["examCount"], submitted["remainingCredits"]) == ("pending", 2, 8)
    assert len(submitted["hmacSecret"]) == 64
    job = api.wait(submitted["jobId"])
    assert [each["reportText"] for each in job["reports"]] == ["Normal.", "Normal."]
    assert (job["status"], job["creditsUsed"]) == ("completed", 2)


def test_a_job_is_asked_for_every_two_to_five_seconds(url: str, house: Clinic, integrator: Integrator) -> None:
    house.services.__dict__["workflow"] = KeptWorkflow()
    nothing: list[Callable[[], Any]] = [lambda: None] * 7
    sleep = Sleep(house, *nothing, lambda: end_job(house.services, integrator.scope, job_id, "failed", reason="X"))
    api = RaportAI(url, integrator.key, sleep)
    job_id = api.submit(integrator.recording(), EXAMS)["jobId"]
    with pytest.raises(TimeoutError, match=job_id):
        api.wait(job_id, timeout_s=4)
    assert sleep.slept == [2, pytest.approx(2.4)]
    assert api.wait(job_id)["status"] == "failed"
    assert len(sleep.slept) == 8 and all(2 <= each <= 5 for each in sleep.slept)


def test_what_is_asked_too_often_is_asked_again_when_it_may(url: str, house: Clinic, integrator: Integrator) -> None:
    sleep = Sleep(house)
    api = RaportAI(url, integrator.key, sleep)
    job_id = api.submit(integrator.recording(), EXAMS)["jobId"]
    for _ in range(PER_MINUTE):
        api.job(job_id)
    assert sleep.slept and set(sleep.slept) == {1}  # Retry-After


def test_large_recordings_are_sent_to_the_store_first(url: str, integrator: Integrator, tmp_path: Path) -> None:
    with wave.open(str(path := tmp_path / "large.wav"), "wb") as made:
        made.setparams((1, 1, 8000, 0, "NONE", ""))
        made.writeframes(random.Random(1).randbytes(LARGEST_FORM))
    api = RaportAI(url, integrator.key)
    job = api.wait(api.submit(path, EXAMS)["jobId"])
    assert job["status"] == "completed"


def test_what_is_submitted_again_under_its_key_is_the_same_job(url: str, integrator: Integrator) -> None:
    api, audio = RaportAI(url, integrator.key), integrator.recording()
    first = api.submit(audio, EXAMS, "order-1")
    assert api.submit(audio, EXAMS, "order-1") == first
    assert integrator.balance == Balance(8, 0, 2)


def refusal(call: Callable[[], Any]) -> tuple[int, str, str]:
    with pytest.raises(ReportApiError) as raised:
        call()
    assert raised.value.request_id
    return raised.value.status, raised.value.code, raised.value.field


def test_refusals_are_told_by_their_codes(url: str, house: Clinic, integrator: Integrator) -> None:
    api, audio = RaportAI(url, integrator.key, Sleep(house)), integrator.recording()
    poor = RaportAI(url, integrator_of(house, credits=0).key)
    api.submit(audio, EXAMS)
    for call, expected in (
        (lambda: api.submit(audio, EXAMS), (409, "DUPLICATE_SUBMISSION", "audio")),
        (lambda: poor.submit(audio, EXAMS), (402, "INSUFFICIENT_CREDITS", "credits")),
        (lambda: api.submit(b"x", EXAMS), (400, "INVALID_AUDIO", "audio")),
        (lambda: api.submit(audio, [EXAMS[0], {"sutCode": "1"}]), (400, "INVALID_SUT_CODE", "exams[1].sutCode")),
        (lambda: api.job(str(uuid.uuid4())), (404, "NOT_FOUND", "jobId")),
        (lambda: RaportAI(url, "rapi_x").job("x"), (401, "UNAUTHORIZED", "")),
    ):
        assert refusal(call) == expected


def test_servers_that_are_busy_or_gone_are_tried_again(url: str, house: Clinic, integrator: Integrator) -> None:
    services, slept = house.services, list[float]()
    with pytest.raises(ReportApiError, match="UNREACHABLE"):
        RaportAI("http://127.0.0.1:9", integrator.key, slept.append).job("x")
    assert slept == [2, 4, 8, 16, 32]
    whole = services.settings
    services.settings = replace(whole, language_url="")
    services.__dict__.pop("language", None)
    try:
        api = RaportAI(url, integrator.key, slept.append)
        assert refusal(lambda: api.submit(integrator.recording(), EXAMS))[:2] == (503, "NOT_CONFIGURED")
        assert len(slept) == 5  # nobody will set it meanwhile
    finally:
        services.settings = whole


def test_keys_are_sent_over_https_only() -> None:
    with pytest.raises(ValueError, match="https"):
        RaportAI("http://pacs.example", "rapi_x")


def test_callbacks_are_verified() -> None:
    secret, body, now = "8f14e45fceea167a5a36dedd4bea2543", '{"a":"Pnömotoraks yok."}'.encode(), datetime.now(UTC)
    timestamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = sign(secret, timestamp, body)
    assert verify_callback(secret, timestamp, signature, body)
    for wrong in (
        ("x" + secret, timestamp, signature, body),
        (secret, "2026-01-01T00:00:00Z", signature, body),
        (secret, timestamp, "0" * 64, body),
        (secret, timestamp, "ş", body),
        (secret, timestamp, signature, body + b" "),
    ):
        assert not verify_callback(*wrong)
    assert not verify_callback(secret, timestamp, signature, body, now + timedelta(minutes=6))


def run(url: str, key: str, *arguments: str) -> Any:
    environment = {**os.environ, "RAPORTAI_URL": url, "RAPORTAI_KEY": key}
    command = [sys.executable, "-I", str(FILE), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_it_is_a_command(url: str, integrator: Integrator, tmp_path: Path) -> None:
    (tmp_path / "dictation.wav").write_bytes(integrator.recording())
    (tmp_path / "chest.txt").write_text("BULGULAR:\n{{BULGULAR}}")
    told = ["submit", str(tmp_path / "dictation.wav"), "--exam", "803910:ACC-1", "--exam", "804102::R100000"]
    done = run(url, integrator.key, *told, "--template", str(tmp_path / "chest.txt"), "--set", "inputLang=en", "--wait")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert [each["accessionNumber"] for each in job["reports"]] == ["ACC-1", ""]
    assert json.loads(run(url, integrator.key, "wait", job["jobId"]).stdout) == job
    again = run(url, integrator.key, *told)
    assert (again.returncode, again.stdout) == (1, "") and again.stderr.startswith("DUPLICATE_SUBMISSION: ")


def test_it_is_one_small_file_that_needs_nothing_new() -> None:
    source = FILE.read_text()
    tree = ast.parse(source, feature_version=(3, 10))
    imported = {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    imported |= {name.name for each in ast.walk(tree) if isinstance(each, ast.Import) for name in each.names}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    assert len(source.splitlines()) <= 200
