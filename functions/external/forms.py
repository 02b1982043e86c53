"""The form in which a report job comes: its fields, and a recording or the key of one that was sent before."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import Request

from pacs.bootstrap import services
from pacs.dicomweb.multipart import ReceivedPart
from pacs.dictation.submitting import MOST_BYTES
from pacs.dictation.uploads import read_upload
from pacs.entry.body import received_body, spool_beside
from pacs.entry.form import form_parts
from pacs.errors import BadRequest, InvalidAudio, InvalidMetadata, PayloadTooLarge, UnsupportedMediaType
from pacs.people.scope import Scope

# A recording, and twenty templates besides. The gateway of one machine cuts longer bodies off behind it.
MOST_BODY_BYTES = 60 << 20


@dataclass
class Form:
    """What came. `audio` of None: no recording was in it."""

    fields: dict[str, str] = field(default_factory=dict)
    audio: bytes | None = None


async def read_form(request: Request) -> Form:
    """Raises PayloadTooLarge, InvalidMetadata."""
    body = await received_body(request)
    size_bytes = len(body) if isinstance(body, bytes) else body.stat().st_size
    if size_bytes > MOST_BODY_BYTES:
        raise PayloadTooLarge(f"a recording has at most {MOST_BYTES >> 20} MB", field="audio")
    form = Form()
    with TemporaryDirectory(dir=spool_beside(body), prefix="form-") as folder:
        try:
            for told, part in form_parts(request.headers.get("content-type"), body, Path(folder)):
                take(form, told.get("name", ""), part)
        except PayloadTooLarge:
            raise
        except (BadRequest, UnsupportedMediaType) as error:
            raise InvalidMetadata(f"this is no form: {error.message}", field=error.field) from error
    return form


def take(form: Form, name: str, part: ReceivedPart) -> None:
    """Raises PayloadTooLarge, InvalidMetadata."""
    content = part.body if isinstance(part.body, bytes) else part.body.read_bytes()
    if name == "audio" and len(content) > MOST_BYTES:
        raise PayloadTooLarge(f"a recording has at most {MOST_BYTES >> 20} MB", field="audio")
    if name == "audio":
        form.audio = content
        return
    try:
        form.fields[name] = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidMetadata(f"{name} is no UTF-8", field=name) from error


def recording_of(form: Form, scope: Scope) -> bytes:
    """The recording of a job. Raises InvalidAudio."""
    key = form.fields.get("uploadKey", "")
    if form.audio is not None:
        if key:
            raise InvalidAudio("a job has a recording or the key of one, not both", field="uploadKey")
        return form.audio
    if not key:
        raise InvalidAudio("there is no recording: send it as `audio`, or name its `uploadKey`", field="audio")
    return read_upload(services(), scope, key)
