"""How did a store request end? Makes the answer of STOW-RS. Called by functions/dicomweb.

Source: PS3.18 §10.5.3 and Table I.2-1
"""

from collections.abc import Sequence
from typing import Any, Protocol

from pacs.errors import BadRequest, PacsError, answer_for

Json = dict[str, Any]

REFERENCED_SOP_CLASS_UID = "00081150"
REFERENCED_SOP_INSTANCE_UID = "00081155"
RETRIEVE_URL = "00081190"
FAILURE_REASON = "00081197"
FAILED_SOP_SEQUENCE = "00081198"
REFERENCED_SOP_SEQUENCE = "00081199"
OTHER_FAILURES_SEQUENCE = "0008119A"


class Stored(Protocol):
    """How the storing of one instance ended; UIDs are empty when its dataset did not give them."""

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
    if len(studies) == 1:
        answer[RETRIEVE_URL] = url(f"{base_url}/studies/{studies.pop()}")
    sequences = {
        FAILED_SOP_SEQUENCE: [{**reference(each), FAILURE_REASON: reason(each)} for each in known],
        REFERENCED_SOP_SEQUENCE: [
            {**reference(each), RETRIEVE_URL: url(instance_url(each, base_url))} for each in stored
        ],
        OTHER_FAILURES_SEQUENCE: [{FAILURE_REASON: reason(each)} for each in failed if not each.sop_instance_uid],
    }
    answer |= {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}
    return (200 if not failed else 202 if stored else 409), answer


def reference(each: Stored) -> Json:
    return {
        REFERENCED_SOP_CLASS_UID: {"vr": "UI", "Value": [each.sop_class_uid]} if each.sop_class_uid else {"vr": "UI"},
        REFERENCED_SOP_INSTANCE_UID: {"vr": "UI", "Value": [each.sop_instance_uid]},
    }


def reason(each: Stored) -> Json:
    """The failure's number in the table of errors, which DIMSE shares."""
    return {"vr": "US", "Value": [answer_for(each.error or PacsError("")).dimse_status]}


def instance_url(each: Stored, base_url: str) -> str:
    return f"{base_url}/studies/{each.study}/series/{each.series}/instances/{each.sop_instance_uid}"


def url(text: str) -> Json:
    return {"vr": "UR", "Value": [text]}
