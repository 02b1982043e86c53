"""Recordings that are sent before their job, straight to the store. Called by functions/external."""

import uuid
from dataclasses import dataclass

from pacs.dictation.jobs import is_uuid
from pacs.dictation.keys import upload_key
from pacs.dictation.submitting import MOST_BYTES
from pacs.errors import InvalidAudio, ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import PresignedPost, Services

FORM_LIFE_S = 3600


@dataclass(frozen=True)
class Upload:
    """Where a recording is sent, and what its job then calls it."""

    id: str
    form: PresignedPost


def begin_upload(services: Services, scope: Scope) -> Upload:
    """A form that takes one recording for an hour."""
    id = str(uuid.uuid4())
    key = upload_key(scope, id)
    form = services.exchange.presign_post(key, expires_s=FORM_LIFE_S, least_bytes=1, most_bytes=MOST_BYTES)
    return Upload(id, form)


def read_upload(services: Services, scope: Scope, upload_id: str) -> bytes:
    """The recording, of which any number of jobs may be tried. Raises InvalidAudio where the organization has none."""
    try:
        if is_uuid(upload_id):
            return services.exchange.get(upload_key(scope, upload_id))[1]
    except ObjectNotFound:
        pass
    raise InvalidAudio("nothing was sent under this upload key", field="uploadKey")
