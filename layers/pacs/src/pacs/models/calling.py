"""How is a model's service called over HTTP, and what does its refusal mean to us? Asked by openai_shaped.

Neither what is sent nor what is answered goes into an error or a log: it may be about a patient.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pacs.errors import ModelRefused, NotConfigured, Unavailable

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 10.0
LONGEST_WAIT_S = 3600
BUSY = (408, 425, 429)
# What the caller may ask for in other words.
WORDS_REFUSED = (400, 422)


class Service:
    """One service at one address. `kind` is how its settings begin: SPEECH or LANGUAGE; `key` tells our key."""

    def __init__(self, kind: str, url: str, key: Callable[[], str], *, timeout_s: float) -> None:
        self.kind = kind
        self.name = f"the {kind.lower()} service"
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s

    def post(self, path: str, **sent: Any) -> "httpx2.Response":
        """An answer that is good (200) or refuses the words of the request (400, 422).

        Raises Unavailable, NotConfigured, ModelRefused.
        """
        import httpx2  # 120 modules, which only those who ask a model need

        try:
            with httpx2.Client(timeout=httpx2.Timeout(self._timeout_s, connect=CONNECT_S)) as client:
                answer = client.post(self._url + path, headers=self._headers(), **sent)
        except httpx2.HTTPError as error:
            raise Unavailable(f"{self.name} does not answer: {type(error).__name__}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise NotConfigured(f"the address of {self.name} is none", field=self.setting("URL")) from error
        if answer.status_code != 200 and answer.status_code not in WORDS_REFUSED:
            raise self._refusal(answer)
        return answer

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def document(self, answer: "httpx2.Response") -> dict[str, Any]:
        """What a good answer says. Raises ModelRefused, Unavailable for an answer that broke off."""
        if answer.status_code != 200:
            raise ModelRefused(f"{self.name} refuses what it is asked: HTTP {answer.status_code}")
        try:
            document = answer.json()
        except ValueError as error:
            raise Unavailable(f"{self.name} answers no JSON") from error
        if not isinstance(document, dict):
            raise Unavailable(f"{self.name} answers something else")
        return document

    def setting(self, name: str) -> str:
        return f"PACS_{self.kind}_{name}"

    def _refusal(self, answer: "httpx2.Response") -> NotConfigured | Unavailable | ModelRefused:
        status = answer.status_code
        if status in BUSY or status >= 500:
            wait_s = retry_after_s(answer.headers.get("Retry-After", ""), datetime.now(UTC))
            return Unavailable(f"{self.name} is busy: HTTP {status}", retry_after_s=wait_s)
        if status in (401, 403):
            return NotConfigured(f"{self.name} does not take our key: HTTP {status}", field=self.setting("KEY"))
        if status == 413:
            return ModelRefused(f"{self.name} refuses what is too large for it")
        if status == 404:
            return NotConfigured(f"{self.name} has nothing there: address or model", field=self.setting("URL"))
        return ModelRefused(f"{self.name} refuses: HTTP {status}")


def retry_after_s(told: str, now: datetime) -> int | None:
    """Seconds to wait, at most an hour, of a header that tells seconds or a moment. Source: RFC 9110 §10.2.3"""
    if told.isascii() and told.isdigit():
        return min(int(told), LONGEST_WAIT_S)
    try:
        wait_s = (parsedate_to_datetime(told) - now).total_seconds()
    except (TypeError, ValueError):  # no moment, or one without a zone
        return None
    return min(max(0, round(wait_s)), LONGEST_WAIT_S)
