"""A service of models that speaks OpenAI's shape over HTTP, small and without any model: answers follow from requests.

As a fixture: `with serving() as models:`, then PACS_SPEECH_URL and PACS_LANGUAGE_URL are `models.url`; `models.asked`
tells what was asked. As a process: `python -m tests.models.fake_models --port 9100`; `POST /troubles` with a JSON list
does what `models.troubles` does.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

# busy: 429 with Retry-After. down: 500. slow: after slow_s. broken: no JSON where some was asked for. refused: 400.
Trouble = Literal["busy", "down", "slow", "broken", "refused"]
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

    def completion(self, body: dict[str, Any], trouble: Trouble | None) -> dict[str, Any]:
        told, asked = (body["messages"][at]["content"] for at in (0, 1))
        document = split(json.loads(asked)) if '"parts"' in told else structured(json.loads(asked))
        content = '{"broken": ' if trouble == "broken" else json.dumps(document, ensure_ascii=False)
        usage = {"prompt_tokens": len(told + asked) // 4, "completion_tokens": len(content) // 4}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        return {"object": "chat.completion", "choices": [choice], "usage": usage}


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
        is_form = content_type.startswith("multipart/")
        asked: dict[str, Any] = form_of(content_type, body) if is_form else json.loads(body)
        self.models.asked.append({"path": self.path, "authorization": self.headers["Authorization"], **asked})
        said = heard(asked["file"]) if is_form else "\n".join(each["content"] for each in asked["messages"])
        trouble = self.models.trouble(said)
        if self.models.key and self.headers["Authorization"] != f"Bearer {self.models.key}":
            return self.refuse(401, "Incorrect API key provided")
        if trouble == "slow":
            self.models.closing.wait(self.models.slow_s)
        statuses = {"busy": 429, "down": 500, "refused": 400}
        if trouble in statuses:
            return self.refuse(statuses[trouble], "no")
        wanted = asked.get("response_format", {"type": "text"})
        wanted = wanted.decode() if isinstance(wanted, bytes) else wanted["type"]
        if wanted not in self.models.formats:
            return self.refuse(400, f"response_format '{wanted}' is not supported")
        for name in asked.keys() & {*self.models.without}:
            return self.refuse(400, f"'{name}' is not supported")
        if self.path == "/v1/audio/transcriptions":
            return self.answer(200, self.models.transcription(asked))
        if self.path == "/v1/chat/completions":
            return self.answer(200, self.models.completion(asked, trouble))
        return self.refuse(404, "there is nothing here")

    def refuse(self, status: int, message: str) -> None:
        headers = {"Retry-After": self.models.retry_after} if status == 429 else {}
        self.answer(status, {"error": {"message": message, "type": "error"}}, headers)

    def answer(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[FakeModels]:
    models = FakeModels()
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Of", (Handler,), {"models": models}))
    models.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
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
