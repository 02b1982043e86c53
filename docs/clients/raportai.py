"""A client of the report API of Bulut PACS: one file, Python 3.10 or newer, nothing to install. Copy it, or run it:

    export RAPORTAI_URL=https://pacs.example RAPORTAI_KEY=rapi_…
    python raportai.py submit dictation.wav --exam 803910:ACC-1 --exam 804102:ACC-2 --set patientUid=1.2.3 --wait

From a program:

    api = RaportAI(os.environ["RAPORTAI_URL"], os.environ["RAPORTAI_KEY"])
    job = api.submit(Path("dictation.wav"), [{"sutCode": "803910"}, {"sutCode": "804102"}], patientUid="1.2.3")
    for report in api.wait(job["jobId"])["reports"]:
        print(report["sutCode"], report["reportText"])

The names are those of docs/report-api.md.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypedDict, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

BASE = "/api/external/v1"
LARGEST_FORM = 4 << 20  # bytes; larger recordings are sent to the store, and named by the job
POLL_S = (2.0, 5.0)
TRIES, PASSING = 6, (429, 500, 502, 503, 504)
Form = tuple[str, bytes]  # media type and body


class Exam(TypedDict, total=False):
    """One that the recording is about. Only `sutCode` is needed; a template comes with its format: txt, rtf, html."""

    sutCode: str
    accessionNumber: str
    teleCode: str
    templateContent: str
    templateFormat: str


class Job(TypedDict, total=False):
    """What is told of a job. Keep `hmacSecret` until the callback has come: only `submit` tells it."""

    jobId: str
    status: str  # pending, processing, completed, failed
    examCount: int
    estimatedSeconds: int
    pollUrl: str
    hmacSecret: str
    reason: str
    patientUid: str | None
    reports: list[dict[str, Any]]
    unassigned: str
    creditsUsed: int
    remainingCredits: int


class ReportApiError(Exception):
    """A refusal: `code` of the contract, `field` at fault. Without any answer the code is UNREACHABLE, the status 0."""

    def __init__(self, status: int, code: str, message: str, field: str = "", request_id: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({field})" if field else ""))
        self.status, self.code, self.field, self.request_id = status, code, field, request_id


class RaportAI:
    """The report API with a manager's key. Busy and unreachable servers are asked again; refusals are raised."""

    def __init__(self, url: str, key: str, sleep: Callable[[float], None] = time.sleep, timeout_s: float = 60) -> None:
        if not url.startswith("https://") and urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("the key is sent over https only")
        self._base, self._key, self._sleep, self._timeout_s = url.rstrip("/") + BASE, key, sleep, timeout_s

    def submit(self, recording: bytes | Path, exams: list[Exam], idempotency_key: str = "", **metadata: str) -> Job:
        """A job for one recording. With an `idempotency_key` of yours, the same submission again is the same job.

        `metadata`: patientUid, patientName, callbackUrl, inputLang, outputLang.
        """
        content = recording if isinstance(recording, bytes) else recording.read_bytes()
        fields = {"metadata": json.dumps({**metadata, "exams": exams})}
        if len(content) > LARGEST_FORM:
            fields["uploadKey"] = self.upload(content)
        form = form_of(fields, None if "uploadKey" in fields else ("audio", content))
        once = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return cast(Job, self._call("POST", "/pacs/report", form, once))

    def upload(self, content: bytes) -> str:
        """Sends a recording to the store, and tells what a job calls it."""
        told = self._call("POST", "/uploads")
        self._send("POST", told["url"], form_of(told["fields"], ("file", content)), {})
        return str(told["uploadKey"])

    def job(self, job_id: str) -> Job:
        """How far a job is."""
        return cast(Job, self._call("GET", "/pacs/report/" + quote(job_id, safe="")))

    def wait(self, job_id: str, timeout_s: float = 3600) -> Job:
        """The job when it has ended, asked for every 2 to 5 seconds. Raises TimeoutError."""
        pause_s, waited_s = POLL_S[0], 0.0
        while (job := self.job(job_id))["status"] not in ("completed", "failed"):
            if waited_s >= timeout_s:
                raise TimeoutError(f"job {job_id} is {job['status']} after {waited_s:.0f} seconds")
            self._sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 1.2, POLL_S[1])
        return job

    def _call(self, method: str, path: str, form: Form | None = None, more: Mapping[str, str] = {}) -> Any:
        return json.loads(self._send(method, self._base + path, form, {"Authorization": f"Bearer {self._key}", **more}))

    def _send(self, method: str, url: str, form: Form | None, headers: dict[str, str]) -> bytes:
        """The body of an answer. All of it may be sent again: a job is made once under its Idempotency-Key."""
        told, body = ({**headers, "Content-Type": form[0]}, form[1]) if form else (headers, None)
        for attempt in range(1, TRIES + 1):
            request, pause_s = Request(url, body, method=method), 2.0**attempt  # noqa: S310 (of the API, or told by it)
            for name, value in told.items():
                request.add_unredirected_header(name, value)  # the key goes nowhere else
            try:
                with urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
                    return bytes(answer.read())
            except HTTPError as refused:
                error = error_of(refused)
                if error.status not in PASSING or error.code == "NOT_CONFIGURED":
                    raise error from None
                after = refused.headers.get("Retry-After", "")
                pause_s = float(after) if after.isdigit() else pause_s
            except (OSError, HTTPException) as broken:
                error = ReportApiError(0, "UNREACHABLE", str(broken))
            if attempt < TRIES:
                self._sleep(pause_s)
        raise error


def form_of(fields: Mapping[str, str], file: tuple[str, bytes] | None) -> Form:
    """A multipart form: its media type, and its body; the file comes last, as stores want it."""
    boundary, head = uuid.uuid4().hex, 'Content-Disposition: form-data; name="{}"'
    parts = [f"{head.format(name)}\r\n\r\n{value}".encode() for name, value in fields.items()]
    if file:
        parts.append(f'{head.format(file[0])}; filename="recording"\r\n\r\n'.encode() + file[1])
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def error_of(refused: HTTPError) -> ReportApiError:
    with refused:
        try:
            told = json.loads(refused.read())
            code, message, *more = (told.get(name, "") for name in ("code", "message", "field", "requestId"))
        except (ValueError, AttributeError, OSError):  # not of the API: of a proxy, or of the store
            code, message, more = "", str(refused.reason), []
    return ReportApiError(refused.code, code or f"HTTP_{refused.code}", message, *more)


def verify_callback(secret: str, timestamp: str, signature: str, body: bytes, now: datetime | None = None) -> bool:
    """Whether a callback is genuine and fresh: hmacSecret, the two X-RaportAI headers, the body before any parsing."""
    told = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(told.encode(), signature.encode()):
        return False
    made = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return abs((now or datetime.now().astimezone()) - made) <= timedelta(minutes=5)


def main() -> None:
    parser = argparse.ArgumentParser(description="RAPORTAI_URL says where the API is, RAPORTAI_KEY is the key.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("wait", help="tell a job when it has ended").add_argument("job")
    submit = commands.add_parser("submit", help="send a recording, and tell its job")
    submit.add_argument("recording", type=Path)
    submit.add_argument("--exam", action="append", required=True, metavar="SUT[:ACCESSION[:TELE]]")
    submit.add_argument("--template", type=Path, metavar="FILE", help="for each exam: .txt, .rtf or .html")
    submit.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="patientUid, inputLang, …")
    submit.add_argument("--wait", action="store_true", help="tell the job when it has ended")
    given = parser.parse_args()
    try:
        api = RaportAI(os.environ.get("RAPORTAI_URL", ""), os.environ.get("RAPORTAI_KEY", ""))
        if given.command == "submit":
            exams: list[Any] = [dict(zip(Exam.__annotations__, each.split(":"), strict=False)) for each in given.exam]
            for exam in exams if given.template else []:
                exam.update(templateContent=given.template.read_text("utf-8"), templateFormat=given.template.suffix[1:])
            job = api.submit(given.recording, exams, **dict(each.split("=", 1) for each in given.set))
            sys.stderr.write(f"job {job['jobId']}\n")
        if given.command == "wait" or given.wait:
            job = api.wait(given.job if given.command == "wait" else job["jobId"])
    except (ReportApiError, OSError, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(job, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    main()
