"""A service of models over HTTP, small and without any model: answers follow from requests.

It speaks OpenAI's shape, Anthropic's, Amazon Bedrock's and the plain one of our own (see `fake_shapes`).
As a fixture: `with serving() as models:`, then PACS_SPEECH_URL, PACS_LANGUAGE_URL and PACS_AI_OPENAI_URL are
`models.url`, those of other shapes `models.url_of(shape)`; `models.asked` tells what was asked: each member of a
request's body, and beside it `path`, `authorization`, `headers` (small letters), `sent` (the body's bytes) and, for
questions about images, `seen` (the files, as bytes) and `said` (all texts, joined).
As a process: `python -m tests.models.fake_models --port 9100`; `POST /troubles` with a JSON list does what
`models.troubles` does.

A question whose schema is told of is answered with a document that keeps to it: `models.finding` in its texts,
`models.critical` in its critical findings, every image in its lists of numbers; without a schema, with the finding.

It hears what `recording_of` has written into a recording, in all others `models.text`. A sentence that names an
examination (its name, or its SUT code) begins it. Sentences that begin with the name of a section (Klinik, Teknik,
Karşılaştırma, Sonuç; Clinical, Technique, Comparison, Impression) go there, all others to the findings.
"""

import argparse
import json
import random
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

from tests.leaks import plant, planted
from tests.models.fake_shapes import GENERIC, Said, Told, answer_to, filled, refusal_at, told_of

# busy: 429 with Retry-After. starting: 503. overloaded: 529. slow: after slow_s. broken: no JSON where some was asked
# for. wrong: a document that keeps to no schema. thinking: thoughts and a fence around the document. silent: no text.
# garbled: what is no JSON at all. dropped: nothing, and the line is cut.
Trouble = Literal[
    "busy",
    "down",
    "starting",
    "overloaded",
    "refused",
    "forbidden",
    "missing",
    "slow",
    "broken",
    "wrong",
    "thinking",
    "silent",
    "garbled",
    "dropped",
]
STATUSES: dict[Trouble | None, int] = {
    **{"busy": 429, "down": 500, "starting": 503, "overloaded": 529},
    **{"refused": 400, "forbidden": 403, "missing": 404},
}
Shape = Literal["openai", "anthropic", "generic", "bedrock"]
SAMPLES_A_SECOND = 8000
SECTIONS = {
    "clinical": ("klinik", "clinical"),
    "technique": ("teknik", "technique"),
    "comparison": ("karşılaştırma", "comparison"),
    "impression": ("sonuç", "impression"),
}


@dataclass
class FakeModels:
    """`troubles` befall the next requests, one each; `always` every request to a model in which its text stands."""

    url: str = ""
    text: str = "Bulgular normaldir. Sonuç: Patoloji saptanmadı."
    finding: str = "Akciğer parankimi doğaldır. Pnömotoraks izlenmedi."
    critical: tuple[str, ...] = ()
    cached: int = 0  # of the tokens of each question
    troubles: list[Trouble] = field(default_factory=list)
    always: dict[str, Trouble] = field(default_factory=dict)
    formats: tuple[str, ...] = ("json_schema", "json_object", "text", "verbose_json", "json")
    without: tuple[str, ...] = ()  # members of requests that are refused
    key: str = ""  # when there is one, requests need it
    retry_after: str = "7"
    slow_s: float = 1.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def trouble(self, said: str) -> Trouble | None:
        if self.troubles:
            return self.troubles.pop(0)
        return next((each for text, each in self.always.items() if text in said), None)

    def transcription(self, form: dict[str, bytes]) -> dict[str, Any]:
        text = heard(form["file"]) or self.text
        ends_s = [0.0]
        for sentence in sentences(text):
            ends_s.append(ends_s[-1] + duration_s(sentence))
        segments = [
            {"id": at, "start": ends_s[at], "end": ends_s[at + 1], "text": f" {sentence}"}
            for at, sentence in enumerate(sentences(text))
        ]
        return {"text": text} | ({"segments": segments} if form["response_format"] == b"verbose_json" else {})

    def url_of(self, shape: Shape) -> str:
        """The address for a provider of this shape."""
        root = self.url.removesuffix("/v1")
        return {"openai": self.url, "generic": root + GENERIC}.get(shape, root)

    def answer_text(self, told: Told, trouble: Trouble | None) -> str:
        """What is said to a question: a dictation's document, a pre-report's, or the finding."""
        if trouble == "broken":
            return '{"broken": '
        asked = dictation_in(told.texts[0])
        if asked:
            document = split(asked) if '"parts"' in told.system else structured(asked)
        elif told.schema:
            document = filled(told.schema, self.finding, self.critical, len(told.images))
        else:
            return self.finding
        text = json.dumps({"of": "no use"} if trouble == "wrong" else document, ensure_ascii=False)
        if trouble == "thinking":
            return f"<think>Is it {{this}}? Or {{}}…</think>Here it is:\n```json\n{text}\n```\n"
        return text


def dictation_in(text: str) -> dict[str, Any]:
    """A dictation that is to be made a report of; nothing in other questions."""
    try:
        asked = json.loads(text)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) and {"dictation", "sentences"} & asked.keys() else {}


def sentences(text: str) -> list[str]:
    return re.findall(r"\S.*?(?:[.!?](?=\s)|$)", text)


def split(asked: dict[str, Any]) -> dict[str, Any]:
    """The sentences of each examination, as first and last."""
    parts: list[dict[str, int]] = []
    begun: list[int] = []
    for number, text in ((int(key), text.casefold()) for key, text in asked["sentences"].items()):
        named = [each["exam"] for each in asked["exams"] if each["name"].casefold() in text or each["sutCode"] in text]
        fresh = [each for each in named if each not in begun]
        if fresh or (named and begun[-1] not in named):
            begun.append((fresh or named)[0])
        exam = begun[-1] if begun else 1
        if parts and parts[-1]["exam"] == exam:
            parts[-1]["last"] = number
        else:
            parts.append({"exam": exam, "first": number, "last": number})
    return {"parts": parts}


def structured(asked: dict[str, Any]) -> dict[str, str]:
    """Each sentence in its section, as it was said."""
    found: dict[str, list[str]] = {name: [] for name in (*SECTIONS, "findings")}
    for sentence in sentences(asked["dictation"]):
        first, _, rest = sentence.partition(":")
        name = next((each for each, words in SECTIONS.items() if first.casefold() in words), "findings")
        found[name].append(rest.strip() if name != "findings" else sentence)
    return {name: " ".join(said) for name, said in found.items()}


def duration_s(text: str) -> float:
    return max(1, len(text.split())) * 0.4


def recording_of(text: str, *, seed: int = 0) -> bytes:
    """A WAV of noise in which the service hears this text; other seeds make other bytes."""
    noise = random.Random(seed).randbytes(int(max(0.5, duration_s(text)) * SAMPLES_A_SECOND))
    chunks = [
        (b"fmt ", struct.pack("<HHIIHH", 1, 1, SAMPLES_A_SECOND, SAMPLES_A_SECOND, 1, 8)),
        (b"note", text.encode()),
        (b"data", noise),
    ]
    body = b"".join(name + struct.pack("<I", len(told)) + told + b"\0" * (len(told) % 2) for name, told in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def heard(recording: bytes) -> str:
    """What `recording_of` was told; nothing in other recordings."""
    if recording[36:40] != b"note":
        return ""
    [size] = struct.unpack_from("<I", recording, 40)
    return recording[44 : 44 + size].decode()


def form_of(content_type: str, body: bytes) -> dict[str, bytes]:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts: Any = message.get_payload()
    return {str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) for part in parts}


class Handler(BaseHTTPRequestHandler):
    models: FakeModels

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content_type = self.headers["Content-Type"]
        if self.path == "/troubles":
            self.models.troubles[:] = json.loads(body)
            return self.answer(200, {})
        path = unquote(self.path)
        is_form = content_type.startswith("multipart/")
        asked: dict[str, Any] = form_of(content_type, body) if is_form else json.loads(body)
        told = None if is_form else told_of(path, asked)
        about: dict[str, Any] = (
            {"seen": list(told.images), "said": "\n".join((told.system, *told.texts))} if told else {}
        )
        headers = {name.lower(): value for name, value in self.headers.items()}
        here = {"path": path, "authorization": self.headers["Authorization"], "headers": headers, "sent": body}
        self.models.asked.append({**here, **about, **asked})
        plant("a key", *(headers.get(each, "").rpartition(" ")[2] for each in ("authorization", "x-api-key")))
        said = heard(asked["file"]) if is_form else about.get("said", "")
        trouble = self.models.trouble(said)
        if trouble == "dropped":
            return None
        if trouble == "slow":
            self.models.closing.wait(self.models.slow_s)
        if refusal := self.refusal(asked, told, trouble):
            return self.refuse(*refusal)
        if self.path == "/v1/audio/transcriptions":
            return self.answer(200, self.models.transcription(asked))
        if told is None:
            return self.refuse(404, "there is nothing here")
        if trouble == "garbled":
            return self.send(200, b"<html>Bad Gateway</html>", {})
        answered = Said(self.models.answer_text(told, trouble), told.tokens, self.models.cached, told.model)
        return self.answer(200, answer_to(path, answered, trouble == "silent"))

    def refusal(self, asked: dict[str, Any], told: Told | None, trouble: Trouble | None) -> tuple[int, str] | None:
        """Why a request is not answered, where it is not."""
        if self.models.key and self.models.key not in self.keys():
            return 401, "Incorrect API key provided"
        if trouble in STATUSES:
            return STATUSES[trouble], "no"
        told_format = told.format if told else "text"
        wanted = asked["response_format"].decode() if "file" in asked else told_format
        if wanted not in self.models.formats:
            named = "output_config.format" if "output_config" in asked else "response_format"
            return 400, f"{named} '{wanted}' is not supported"
        members = {*asked, *asked.get("inferenceConfig", {})}
        return next(((400, f"'{name}' is not supported") for name in self.models.without if name in members), None)

    def keys(self) -> Sequence[str]:
        """The keys that came, wherever a shape puts them."""
        told = self.headers["Authorization"] or ""
        bearer, signed = told.removeprefix("Bearer "), re.search("Credential=([^/]+)/", told)
        return (bearer, self.headers.get("x-api-key", ""), signed[1] if signed else "")

    def refuse(self, status: int, message: str) -> None:
        headers, document = refusal_at(unquote(self.path), status, message)
        again = {"Retry-After": self.models.retry_after} if status == 429 else {}
        self.answer(status, document, headers | again)

    def answer(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(document).encode(), headers or {})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        for name, value in told.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # who asked may have lost patience
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[FakeModels]:
    models = FakeModels()
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Of", (Handler,), {"models": models}))
    address = f"127.0.0.1:{server.server_address[1]}"
    models.url = f"http://{address}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        with planted("an endpoint", address):
            yield models
    finally:
        models.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="A service of models that has none.")
    parser.add_argument("--port", type=int, default=9100)
    with serving(parser.parse_args().port) as models:
        print(models.url, flush=True)
        models.closing.wait()


if __name__ == "__main__":
    main()
