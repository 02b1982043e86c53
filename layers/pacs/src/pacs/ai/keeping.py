"""What of a job is kept, and where? In the exchange store, as long as the study is: what was sent and what was said.

    ai/{organization}/{study}/{job}/request.json      every attempt: whom, in which words, with which images
    ai/{organization}/{study}/{job}/{attempt}/{n}.jpg the images of an attempt, as they were sent
    ai/{organization}/{study}/{job}/answers.json      what was answered, word by word; for administrators
    ai/{organization}/{study}/{job}/result.json       the draft, until its row is written

Written by `working`; read by functions/ai.
"""

import json
from typing import Any

from pacs.archive.keys import asked_prefix
from pacs.errors import NotFound, ObjectNotFound
from pacs.people.audit import Deed, record_once
from pacs.people.scope import Scope
from pacs.ports import Services

Document = dict[str, Any]
REQUEST, ANSWERS, RESULT = "request.json", "answers.json", "result.json"
JPEG = "image/jpeg"


def folder_of(organization_id: str, study_instance_uid: str, job_id: str) -> str:
    return f"{asked_prefix(organization_id, study_instance_uid)}{job_id}"


def write_document(services: Services, folder: str, name: str, document: Document) -> None:
    """In the place of an earlier one."""
    body = json.dumps(document, ensure_ascii=False, default=str).encode()
    services.exchange.put(f"{folder}/{name}", body, content_type="application/json")


def read_document(services: Services, folder: str, name: str) -> Document | None:
    """None when there is none yet."""
    try:
        found: Document = json.loads(services.exchange.get(f"{folder}/{name}")[1])
    except ObjectNotFound:
        return None
    return found


def write_image(services: Services, folder: str, attempt: int, number: int, jpeg: bytes) -> None:
    services.exchange.put(f"{folder}/{attempt}/{number}.jpg", jpeg, content_type=JPEG)


def sent(services: Services, folder: str) -> Document:
    """What was told to whom, attempt by attempt. Raises NotFound before anything was."""
    found = read_document(services, folder, REQUEST)
    if found is None:
        raise NotFound("nothing was sent yet", field="job")
    return found


def image_sent(
    services: Services,
    scope: Scope,
    study_instance_uid: str,
    job_id: str,
    number: int,
    *,
    attempt: int = 0,
    source_ip: str = "",
) -> bytes:
    """An image as it was sent: of the last attempt, or of the one that is named. Raises NotFound."""
    folder = folder_of(scope.organization_id, study_instance_uid, job_id)
    attempt = attempt or len(sent(services, folder)["attempts"])
    try:
        body = services.exchange.get(f"{folder}/{attempt}/{number}.jpg")[1]
    except ObjectNotFound as error:
        raise NotFound("no such image was sent", field="number") from error
    # A draft shows all of them at once, and whoever looks at it has looked.
    deed = Deed("view", study_instance_uid, subject=f"{job_id}: images")
    record_once(services.database, scope, deed, source_ip=source_ip)
    return body
