"""C-FIND: one search for DICOMweb and DIMSE. Called by the handlers.

Source: PS3.4 §C.4.1
"""

from collections.abc import Iterator
from typing import Any

from gateway_scp.conversation import (
    CANCELLED,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_WITHOUT_SOME_KEYS,
    SUCCESS,
    Conversation,
    Refused,
)
from gateway_scp.identifiers import Identifier, read_query, write_match
from gateway_scp.index import Index
from pacs.dicom.modalities import Place

MOST_MATCHES = 10_000
PATIENT_ID, ISSUER, STUDY = "00100020", "00100021", "0020000D"


def find(conversation: Conversation, index: Index, place: Place, ae_title: str) -> int:
    """Send every match; returns their number. Raises Refused and what the index raises."""
    request = conversation.request
    asked = read_query(request.read_identifier(), request.sop_class_uid)
    status = PENDING_WITHOUT_SOME_KEYS if asked.unsupported else PENDING
    count = 0
    for match in matches(index, place, asked):
        if conversation.cancelled or not conversation.open:
            conversation.respond(CANCELLED, comment="cancelled by the requestor")
            return count
        if count == MOST_MATCHES:
            raise Refused(OUT_OF_RESOURCES, f"more than {MOST_MATCHES} matches: ask for less")
        conversation.respond(status, write_match(match, asked, ae_title, implicit=request.implicit))
        count += 1
    conversation.respond(SUCCESS)
    return count


def matches(index: Index, place: Place, asked: Identifier) -> Iterator[dict[str, Any]]:
    include = [f"{tag:08X}" for tag in asked.keys] + ([ISSUER] if asked.patients else [])
    found = index.search(place, asked.searched, asked.pairs, include)
    return each_patient_once(found) if asked.patients else found


def each_patient_once(studies: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The patients of studies, each as its latest study tells; without a patient ID every study has its own."""
    seen: set[tuple[str, ...]] = set()
    for study in studies:
        patient_id, issuer = (first(study, tag) for tag in (PATIENT_ID, ISSUER))
        patient = (patient_id, issuer) if patient_id else (first(study, STUDY),)
        if patient not in seen:
            seen.add(patient)
            yield study


def first(item: dict[str, Any], tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0] or "")
