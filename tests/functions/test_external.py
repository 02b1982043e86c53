"""The report API, line by line of its contract: who may call, and what is taken."""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pacs.dictation.jobs import end_job
from pacs.people.keys import revoke_key
from pacs.reporting.credits import Balance
from tests.functions.conftest import Clinic
from tests.functions.integrators import (
    BASE,
    EXAMS,
    FORM,
    MULTI,
    SINGLE,
    SPOKEN,
    Integrator,
    house,
    integrator,
    integrator_of,
    refused,
)
from tests.models.fake_models import recording_of

__all__ = ["house", "integrator"]


def test_a_job_of_several_exams_is_taken(integrator: Integrator) -> None:
    answer = integrator.multi({"patientUid": "1.2.3", "patientName": "Ali Veli", "exams": EXAMS})
    told = answer.json()
    assert (answer.status_code, uuid.UUID(told["jobId"]).version, len(told.pop("hmacSecret"))) == (202, 4, 64)
    job_id = told.pop("jobId")
    assert told == {
        "status": "pending",
        "examCount": 2,
        "estimatedSeconds": 90,
        "pollUrl": f"{MULTI}/{job_id}",
        "creditsUsed": 0,
        "remainingCredits": 8,
    }
    workflow: Any = integrator.clinic.services.workflow
    assert workflow.started["report-job", job_id] == {"organization": integrator.scope.organization_id, "job": job_id}


def test_a_job_of_one_exam_is_taken_in_every_format_that_is_promised(integrator: Integrator) -> None:
    for name in ("speech.wav", "speech.mp3", "speech.m4a", "speech.ogg", "speech.webm"):
        answer = integrator.single((SPOKEN / name).read_bytes(), inputLang="en", outputLang="de", teleCode="R100000")
        assert (answer.status_code, answer.json()["examCount"]) == (202, 1)
        assert answer.json()["pollUrl"] == f"{SINGLE}/{answer.json()['jobId']}"
    assert integrator.balance == Balance(5, 5, 0)


def test_forms_as_dotnet_sends_them_are_read(integrator: Integrator) -> None:
    lines: list[bytes] = []
    for name, value in FORM.items():
        lines += [b"--b", f"Content-Disposition: form-data; name={name}".encode(), b"", value.encode()]
    lines += [b"--b", b"Content-Disposition: form-data; name=audio; filename=a.wav; filename*=utf-8''a.wav", b""]
    body = b"\r\n".join([*lines, integrator.recording(), b"--b--", b""])
    headers = integrator.headers | {"Content-Type": 'multipart/form-data; boundary="b"'}
    assert integrator.clinic.client.post(SINGLE, content=body, headers=headers).status_code == 202


def test_who_has_no_good_key_is_unauthorized(integrator: Integrator) -> None:
    client = integrator.clinic.client
    session = integrator.clinic.bearer()["Authorization"]
    basic = "Basic cmFwaV94Og=="
    for bearer in ("", basic, session, "Bearer rapi_", "Bearer rapi_" + "x" * 43, f"Bearer {integrator.key[:-1]}"):
        for answer in (
            client.get(BASE + "/templates", headers={"Authorization": bearer}),
            client.get(f"{MULTI}/{uuid.uuid4()}", headers={"Authorization": bearer}),
            client.post(MULTI, headers={"Authorization": bearer}),
        ):
            refused(answer, 401, "UNAUTHORIZED")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    services = integrator.clinic.services
    revoke_key(services.database, integrator.scope, integrator.key_id, services.clock.now())
    refused(integrator.single(), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "change", ["disabled_at = now()", "manager = false", "role = 'individual', manager = false", "importer = true"]
)
def test_whose_member_may_not_have_keys_any_more_is_forbidden(integrator: Integrator, change: str) -> None:
    assert integrator.get(BASE + "/templates").status_code == 200
    of = {"id": integrator.scope.member_id}
    integrator.clinic.services.database.fetch(
        text(f"update organization_members set {change} where id = cast(:id as uuid)"),
        of,
    )
    refused(integrator.get(BASE + "/templates"), 403, "FORBIDDEN")
    refused(integrator.multi(), 403, "FORBIDDEN")


def test_a_key_needs_its_scope(integrator: Integrator) -> None:
    headers = {"Authorization": f"Bearer {integrator.new_key('archive.search').key}"}
    refused(integrator.multi(headers=headers), 403, "FORBIDDEN")


def test_sixty_calls_a_minute_and_key(integrator: Integrator) -> None:
    clock: Any = integrator.clinic.services.clock
    other = {"Authorization": f"Bearer {integrator.new_key().key}"}
    with ThreadPoolExecutor(8) as several:
        calls = [several.submit(integrator.get, BASE + "/templates") for _ in range(70)]
        statuses = Counter(each.result().status_code for each in calls)
    assert statuses == {200: 60, 429: 10}
    late = integrator.multi("no JSON")
    refused(late, 429, "RATE_LIMIT")
    assert late.headers["Retry-After"] == "1"
    assert integrator.multi(headers=other).status_code == 202
    clock.pass_s(1)
    assert integrator.multi().status_code == 202
    refused(integrator.multi(), 429, "RATE_LIMIT")


@pytest.mark.parametrize(
    ("metadata", "code", "field"),
    [
        ("{", "INVALID_METADATA", "metadata"),
        ({"exams": []}, "NO_EXAMS", "exams"),
        ({"exams": EXAMS * 11}, "TOO_MANY_EXAMS", "exams"),
        ({"exams": [{"sutCode": "803910"}] * 2}, "MISSING_ACCESSION", "exams[0].accessionNumber"),
        ({"exams": [*EXAMS, {"sutCode": "12"}]}, "INVALID_SUT_CODE", "exams[2].sutCode"),
        ({"exams": EXAMS, "inputLang": "fa"}, "INVALID_METADATA", "inputLang"),
        ({"exams": EXAMS, "callbackUrl": "http://pacs.example/"}, "INVALID_METADATA", "callbackUrl"),
        (
            {"exams": [EXAMS[0], {**EXAMS[1], "templateContent": "x"}]},
            "INVALID_METADATA",
            "exams[1].templateFormat",
        ),
    ],
)
def test_what_is_wrong_in_metadata_is_told_with_its_place(
    integrator: Integrator, metadata: Any, code: str, field: str
) -> None:
    refused(integrator.multi(metadata), 400, code, field)


def test_what_is_wrong_in_a_form_is_told(integrator: Integrator) -> None:
    refused(integrator.single(sutCode="1"), 400, "INVALID_SUT_CODE", "sutCode")
    refused(integrator.single(templateContent="{{BULGULAR}}"), 400, "INVALID_METADATA", "templateFormat")
    assert integrator.single(callbackUrl="http://127.0.0.1:9999/cb").status_code == 202
    post = integrator.clinic.client.post
    refused(post(MULTI, json={}, headers=integrator.headers), 400, "INVALID_METADATA", "Content-Type")
    refused(post(MULTI, files={"audio": b"x"}, headers=integrator.headers), 400, "INVALID_METADATA", "metadata")
    broken = integrator.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    refused(post(MULTI, content=b"--b\r\nx", headers=broken), 400, "INVALID_METADATA")
    no_text: Any = {"metadata": (None, b"\xff"), "audio": b"x"}
    refused(post(MULTI, files=no_text, headers=integrator.headers), 400, "INVALID_METADATA", "metadata")


def test_what_is_no_recording_is_told(integrator: Integrator) -> None:
    speech = (SPOKEN / "speech.mp3").read_bytes()
    for audio, why in {
        b"": "empty",
        b"\xff\xd8\xff\xe0 picture": "whatever its name says",
        speech[: len(speech) // 2]: "truncated",
        (SPOKEN / "silent.ogg").read_bytes(): "silent",
        (SPOKEN / "video.webm").read_bytes(): "no sound",
    }.items():
        told = refused(integrator.multi(audio=audio), 400, "INVALID_AUDIO", "audio")
        assert why in told["message"]
    post = integrator.clinic.client.post
    refused(post(SINGLE, data=FORM, files={"x": b""}, headers=integrator.headers), 400, "INVALID_AUDIO", "audio")
    assert integrator.balance == Balance(10, 0, 0)


def test_checks_come_in_their_order(house: Clinic, integrator: Integrator) -> None:
    """Key, rate, size, metadata, audio, duplicate, credits: what is wrong first is told."""
    large, wrong, poor = bytes((50 << 20) + 1), "no JSON", integrator_of(house, credits=0)
    refused(poor.multi(wrong, large, {"Authorization": "Bearer rapi_x"}), 401, "UNAUTHORIZED")
    refused(poor.multi(wrong, large), 413, "PAYLOAD_TOO_LARGE", "audio")
    refused(poor.multi(wrong, b"no sound"), 400, "INVALID_METADATA", "metadata")
    refused(poor.multi(audio=b"no sound"), 400, "INVALID_AUDIO", "audio")
    told = refused(poor.multi(), 402, "INSUFFICIENT_CREDITS", "credits")
    assert (told["creditsUsed"], told["remainingCredits"]) == (0, 0)
    audio, twelve = integrator.recording(), {"exams": [{"sutCode": str(80000 + each)} for each in range(12)]}
    assert integrator.multi(audio=audio).status_code == 202
    refused(integrator.multi(twelve, audio), 409, "DUPLICATE_SUBMISSION", "audio")
    refused(integrator.multi(twelve), 402, "INSUFFICIENT_CREDITS", "credits")
    assert integrator.balance == Balance(8, 2, 0)


def test_fifty_megabytes_are_taken_and_not_a_byte_more(integrator: Integrator) -> None:
    most = 50 << 20
    head = recording_of("x")[:36]  # RIFF, and the form of the samples
    noise = recording_of("Bulgular normaldir.")[-4000:] * 14000
    room = most - len(head) - 8
    audio = head[:24] + (400_000).to_bytes(4, "little") + (400_000).to_bytes(4, "little") + head[32:]
    audio += b"data" + room.to_bytes(4, "little") + noise[:room]
    assert len(audio) == most
    assert integrator.multi(audio=audio).status_code == 202
    refused(integrator.multi(audio=audio + b"\0"), 413, "PAYLOAD_TOO_LARGE", "audio")
    refused(integrator.multi(audio=bytes(61 << 20)), 413, "PAYLOAD_TOO_LARGE", "audio")


def test_without_a_provider_nothing_pretends(integrator: Integrator) -> None:
    services: Any = integrator.clinic.services
    whole = services.settings
    services.settings = replace(whole, language_url="")
    services.__dict__.pop("language", None)
    try:
        refused(integrator.multi(), 503, "NOT_CONFIGURED", "PACS_LANGUAGE_URL")
        refused(integrator.multi(audio=b"x"), 400, "INVALID_AUDIO", "audio")
    finally:
        services.settings = whole
    assert integrator.balance == Balance(10, 0, 0)


def test_the_same_bytes_are_taken_again_when_a_day_is_over_or_their_job_failed(integrator: Integrator) -> None:
    audio, clock = integrator.recording(), integrator.clinic.services.clock
    first = integrator.multi(audio=audio).json()
    refused(integrator.single(audio), 409, "DUPLICATE_SUBMISSION", "audio")
    assert end_job(integrator.clinic.services, integrator.scope, first["jobId"], "failed", reason="NOT_HEARD")
    second = integrator.multi(audio=audio)
    assert (second.status_code, second.json()["remainingCredits"]) == (202, 8)
    clock.pass_s(timedelta(hours=24, seconds=1).total_seconds())  # type: ignore[attr-defined]
    assert integrator.multi(audio=audio).status_code == 202
    assert integrator_of(integrator.clinic).multi(audio=audio).status_code == 202  # it is none of another's business


def test_an_idempotency_key_gives_the_same_answer_again(integrator: Integrator) -> None:
    audio, headers = integrator.recording(), integrator.headers | {"Idempotency-Key": "order-7"}
    first = integrator.multi(audio=audio, headers=headers)
    again = integrator.multi(audio=audio, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    refused(integrator.multi(headers=headers), 422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    refused(integrator.single(audio, headers), 422, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    assert integrator.balance == Balance(8, 2, 0)
    assert integrator_of(integrator.clinic).multi(headers=integrator.headers | headers).status_code == 202


def test_a_hundred_at_once_are_each_answered_right(house: Clinic) -> None:
    """Forty that may cost thirty credits, and sixty that are wrong, each in its own way."""
    integrator = integrator_of(house, credits=30)
    headers = [{"Authorization": f"Bearer {integrator.new_key().key}"} for _ in range(4)]
    same, one = recording_of("same", seed=1000), {"exams": EXAMS[:1]}
    assert integrator.multi(one, same).status_code == 202
    kinds: list[tuple[Callable[[Any, int], Any], tuple[int, ...]]] = [
        (lambda who, at: integrator.multi(one, recording_of("new", seed=at), who), (202, 402)),
        (lambda who, at: integrator.multi(one, recording_of("else", seed=at), who), (202, 402)),
        (lambda who, at: integrator.multi(one, same, who), (409,)),
        (lambda who, at: integrator.multi({"exams": [{"sutCode": "x"}]}, same, who), (400,)),
        (lambda who, at: integrator.multi(one, same, {"Authorization": f"Bearer rapi_{'x' * 43}"}), (401,)),
    ]

    def call(at: int) -> tuple[bool, int]:
        send, expected = kinds[at % len(kinds)]
        status = send(headers[at // len(kinds) % 4], at).status_code
        return status in expected, status

    with ThreadPoolExecutor(16) as several:
        told = list(several.map(call, range(100)))
    assert all(right for right, _ in told)
    assert Counter(status for _, status in told) == {202: 29, 402: 11, 409: 20, 400: 20, 401: 20}
    assert integrator.balance == Balance(0, 30, 0)
