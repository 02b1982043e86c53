"""How is a model's service called over HTTP, and what does its refusal mean to us? Asked by the adapters of this room.

Neither what is sent nor what is answered goes into an error or a log: it may be about a patient. Nor does the key, or
the address: errors name settings.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NotConfigured, PacsError, Unavailable
from pacs.outgoing import REFUSALS, Door, parse_origins
from pacs.ports import Endpoint

CONNECT_S = 10.0
LONGEST_WAIT_S = 3600
ANSWER_MAX_BYTES = 1 << 22
BUSY = (408, 425, 429, 529)  # the last is Anthropic's
# What the caller may ask for in other words.
WORDS_REFUSED = (400, 422)
# Google's words for a key that is none, at 400. Source: Gemini API, "Troubleshooting guide"
KEY_REFUSED = ("api key not valid", "api_key_invalid", "api key expired")
# llama.cpp's words, at 500.
NO_EYES = "image input is not supported"


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    retry_after: str = ""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass(frozen=True)
class Service:
    """One service at one address. `settings` is how its settings begin (`PACS_SPEECH`); `key` tells our key, and
    `credentials` the headers that it goes into. `door`: the way to an address that somebody else has named.
    """

    settings: str
    name: str
    url: str
    key: Callable[[], str]
    timeout_s: float
    credentials: Callable[[str], Mapping[str, str]] = bearer
    door: Door | None = None

    def post(
        self, path: str, document: Any = None, *, form: Mapping[str, str] | None = None, files: Any = None
    ) -> Reply:
        """An answer that is good (200) or refuses the words of the request (400, 422); to a JSON document or a form.

        Raises Unavailable (ModelBusy, ModelTimeout), NotConfigured, ModelRefused.
        """
        url = self.url.rstrip("/") + path if path else self.url
        headers = dict(self._headers())
        if form is None:
            headers["Content-Type"] = "application/json"
        sent = {"data": form, "files": files} if form is not None else {"content": json.dumps(document).encode()}
        reply = self._through(self.door, url, headers, sent) if self.door else self._straight(url, headers, sent)
        if reply.status != 200 and reply.status not in WORDS_REFUSED:
            raise self._refusal(reply)
        return reply

    def _straight(self, url: str, headers: dict[str, str], sent: dict[str, Any]) -> Reply:
        """To an address of the owner's settings, as his environment says."""
        import httpx2  # 120 modules, which only those who ask a model need

        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # below, they log the address
        try:
            with httpx2.Client(timeout=httpx2.Timeout(self.timeout_s, connect=CONNECT_S)) as client:
                answer = client.post(url, headers=headers, **sent)
        except httpx2.TimeoutException as error:
            raise ModelTimeout(f"{self.name} does not answer in time: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise Unavailable(f"{self.name} does not answer: {type(error).__name__}") from error
        except (httpx2.InvalidURL, UnicodeError):  # which tell it
            raise NotConfigured(f"the address of {self.name} is none", field=self.setting("URL")) from None
        return Reply(answer.status_code, answer.content, answer.headers.get("Retry-After", ""))

    def _through(self, door: Door, url: str, headers: dict[str, str], sent: dict[str, Any]) -> Reply:
        """To an address that may lead anywhere: over https to public addresses, or to an origin that is allowed."""
        answer = door.post(url, sent["content"], headers)
        if answer.failure in REFUSALS:
            raise NotConfigured(f"the address of {self.name} is no public one over https", field=self.setting("URL"))
        if answer.failure == "too-large":
            raise ModelRefused(f"{self.name} answers too much")
        if answer.failure == "timeout":
            raise ModelTimeout(f"{self.name} does not answer in time")
        if answer.status is None:
            raise Unavailable(f"{self.name} does not answer: {answer.failure}")
        return Reply(answer.status, answer.body, answer.retry_after)

    def _headers(self) -> Mapping[str, str]:
        key = self.key()
        if not (key.isascii() and key.isprintable()):
            raise NotConfigured(f"the key of {self.name} is none", field=self.setting("KEY"))
        return self.credentials(key)

    def document(self, reply: Reply) -> dict[str, Any]:
        """What a good answer says. Raises ModelRefused, NotConfigured, Unavailable for an answer that broke off."""
        if reply.status != 200:
            if any(words in reply.text.lower() for words in KEY_REFUSED):
                raise self._key_refused(reply.status)
            raise ModelRefused(f"{self.name} refuses what it is asked: HTTP {reply.status}")
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"{self.name} answers no JSON") from error
        if not isinstance(document, dict):
            raise Unavailable(f"{self.name} answers something else")
        return document

    def setting(self, name: str) -> str:
        return f"{self.settings}_{name}"

    def _refusal(self, reply: Reply) -> PacsError:
        status = reply.status
        if NO_EYES in reply.text:
            return ModelRefused(f"{self.name} sees no images")
        if status in BUSY or status >= 500:
            wait_s = retry_after_s(reply.retry_after, datetime.now(UTC))
            kind = ModelBusy if status in BUSY else Unavailable
            return kind(f"{self.name} is busy: HTTP {status}", retry_after_s=wait_s)
        if status in (401, 403):
            return self._key_refused(status)
        if status == 413:
            return ModelRefused(f"{self.name} refuses what is too large for it")
        if status == 404 or 300 <= status < 400:
            return NotConfigured(f"{self.name} has nothing there: address or model", field=self.setting("URL"))
        return ModelRefused(f"{self.name} refuses: HTTP {status}")

    def _key_refused(self, status: int) -> NotConfigured:
        return NotConfigured(f"{self.name} does not take our key: HTTP {status}", field=self.setting("KEY"))


def settings_of(provider: str) -> str:
    """How the settings of a provider begin."""
    return f"PACS_AI_{provider.upper().replace('-', '_')}"


def service_of(endpoint: Endpoint, door: Door, credentials: Callable[[str], Mapping[str, str]] = bearer) -> Service:
    """The service at an endpoint. Raises NotConfigured for a list of allowed origins that is none."""
    guarded = None
    if endpoint.foreign:
        allowed = parse_origins(endpoint.allowed, "PACS_AI_ALLOW")
        guarded = replace(
            door,
            allowed=allowed,
            limit_s=endpoint.timeout_s,
            connect_s=CONNECT_S,
            answer_max_bytes=ANSWER_MAX_BYTES,
        )
    name = f"the AI provider {endpoint.provider}"
    return Service(
        settings_of(endpoint.provider), name, endpoint.url, endpoint.key, endpoint.timeout_s, credentials, guarded
    )


def retry_after_s(told: str, now: datetime) -> int | None:
    """Seconds to wait, at most an hour, of a header that tells seconds or a moment. Source: RFC 9110 §10.2.3"""
    if told.isascii() and told.isdigit():
        return min(int(told), LONGEST_WAIT_S)
    try:
        wait_s = (parsedate_to_datetime(told) - now).total_seconds()
    except (TypeError, ValueError):  # no moment, or one without a zone
        return None
    return min(max(0, round(wait_s)), LONGEST_WAIT_S)
