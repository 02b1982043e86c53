"""How did a store request end? Makes the answer of STOW-RS. Called by entry.stow.

Failure reasons are those of the table of errors: A7xx no room, A900 not of its SOP class, A901 not of the study in
the URL, 0124 not allowed, C000 not understood, C122 a transfer syntax that is unknown. What failed also tells why in
words, as an Error Comment. An instance that replaced other bytes is no warning: it is what the sender meant, and the
older stays as a version.

Source: PS3.18 §10.5.3, §12.5.3 and Annex I.2
"""

from collections.abc import Sequence
from typing import Any, Protocol

from pacs.dicom.non_patient import NON_PATIENT
from pacs.errors import BadRequest, PacsError, answer_for

Json = dict[str, Any]

ERROR_COMMENT = "00000902"
REFERENCED_SOP_CLASS_UID = "00081150"
REFERENCED_SOP_INSTANCE_UID = "00081155"
RETRIEVE_URL = "00081190"
WARNING_REASON = "00081196"
FAILURE_REASON = "00081197"
FAILED_SOP_SEQUENCE = "00081198"
REFERENCED_SOP_SEQUENCE = "00081199"
OTHER_FAILURES_SEQUENCE = "0008119A"

NOT_AS_ANNOUNCED = 0xB007  # the dataset is not what its file meta says
COMMENT_LENGTH = 64


class Stored(Protocol):
    """How the storing of one instance ended; UIDs are empty when its dataset did not give them.

    What belongs to no patient has no study and no series.
    """

    @property
    def sop_class_uid(self) -> str: ...
    @property
    def study(self) -> str: ...
    @property
    def series(self) -> str: ...
    @property
    def sop_instance_uid(self) -> str: ...
    @property
    def error(self) -> PacsError | None: ...
    @property
    def warning(self) -> int: ...


def store_answer(results: Sequence[Stored], *, base_url: str) -> tuple[int, Json]:
    """The HTTP status and the DICOM JSON that tell of every instance. `base_url` ends before `/studies`.

    Raises BadRequest when there was nothing to store.
    """
    if not results:
        raise BadRequest("the request holds no instance")
    stored = [each for each in results if each.error is None]
    failed = [each for each in results if each.error is not None]
    known = [each for each in failed if each.sop_instance_uid]
    answer: Json = {}
    studies = {each.study for each in stored}
    if len(studies) == 1 and (study := studies.pop()):
        answer[RETRIEVE_URL] = url(f"{base_url}/studies/{study}")
    sequences = {
        FAILED_SOP_SEQUENCE: [{**reference(each), **failure(each)} for each in known],
        REFERENCED_SOP_SEQUENCE: [stored_item(each, base_url) for each in stored],
        OTHER_FAILURES_SEQUENCE: [failure(each) for each in failed if not each.sop_instance_uid],
    }
    answer |= {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}
    if not stored:
        return 409, answer
    return (202 if failed or any(each.warning for each in stored) else 200), answer


def stored_item(each: Stored, base_url: str) -> Json:
    address = f"{base_url}/studies/{each.study}/series/{each.series}/instances/{each.sop_instance_uid}"
    if category := NON_PATIENT.get(each.sop_class_uid):
        address = f"{base_url}/{category}/{each.sop_instance_uid}"
    warning = {WARNING_REASON: {"vr": "US", "Value": [each.warning]}} if each.warning else {}
    return {**reference(each), RETRIEVE_URL: url(address), **warning}


def reference(each: Stored) -> Json:
    return {
        REFERENCED_SOP_CLASS_UID: {"vr": "UI", "Value": [each.sop_class_uid]} if each.sop_class_uid else {"vr": "UI"},
        REFERENCED_SOP_INSTANCE_UID: {"vr": "UI", "Value": [each.sop_instance_uid]},
    }


def failure(each: Stored) -> Json:
    """The failure's number in the table of errors, which DIMSE shares, and what is wrong."""
    error = each.error or PacsError("")
    return {
        ERROR_COMMENT: {"vr": "LO", "Value": [error.message[:COMMENT_LENGTH]]},
        FAILURE_REASON: {"vr": "US", "Value": [answer_for(error).dimse_status]},
    }


def url(text: str) -> Json:
    return {"vr": "UR", "Value": [text]}
