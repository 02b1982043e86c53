"""Where do e-mails go on one machine? Into a folder, a file each, for whoever runs it to read or to send on.

Source: RFC 5322.
"""

import uuid
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from pacs.errors import Unavailable
from pacs.ports import Clock

SENDER = "pacs@localhost"


class OutboxFolder:
    """A folder of messages, named by the time at which they were sent; only its owner may read them."""

    def __init__(self, folder: Path, clock: Clock, sender: str = "") -> None:
        self._folder = folder
        self._clock = clock
        self._sender = sender or SENDER

    def send(self, to: str, subject: str, text: str, *, html: str = "") -> None:
        now = self._clock.now()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = self._folder / f".{uuid.uuid4().hex}"
            unfinished.touch(mode=0o600)
            unfinished.write_bytes(message(self._sender, to, subject, (text, html), now))
            unfinished.replace(self._folder / f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.eml")
        except OSError as error:
            raise Unavailable("the outbox cannot be written") from error


def message(sender: str, to: str, subject: str, body: tuple[str, str], at: datetime) -> bytes:
    text, html = body
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Date"] = format_datetime(at)
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()
