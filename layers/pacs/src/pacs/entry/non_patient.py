"""Answers of the Non-Patient Instance service that negotiate. Used by functions/dicomweb.

Source: PS3.18 §12.1.3 and §12.4
"""

import orjson
from fastapi import Request, Response

from pacs.archive.non_patient import NonPatientInstance, find_non_patient, non_patient_metadata
from pacs.dicomweb.media import DICOM_JSON, Offer, choose, parse_accept
from pacs.dicomweb.multipart import Part
from pacs.entry.answers import Version, digest, multipart, ranged, squeezed
from pacs.entry.native import DICOM_XML, native_answer
from pacs.people.scope import Scope
from pacs.ports import Services

DICOM = "application/dicom"


def offers(instance: NonPatientInstance) -> list[Offer]:
    """As what an instance can be sent: its metadata by default, or itself in the syntax it is stored in."""
    stored = [Offer(DICOM, multipart=kind, transfer_syntax=instance.transfer_syntax_uid) for kind in (False, True)]
    return [Offer(DICOM_JSON), *stored, Offer(DICOM_XML, multipart=True)]


def non_patient_answer(services: Services, scope: Scope, request: Request, category: str, uid: str) -> Response:
    """One instance, as metadata in JSON or XML, or exactly as it was received."""
    instance = find_non_patient(services, scope, category, uid)
    accepted = parse_accept(request.headers.getlist("accept"), request.query_params.getlist("accept"))
    offer = choose(accepted, offers(instance))
    if offer.media_type == DICOM:
        return file_answer(services, request, instance, offer)
    metadata = non_patient_metadata(services, instance)
    if offer.multipart:
        return native_answer(services, request, [metadata])
    return squeezed(services, request, orjson.dumps([metadata]), DICOM_JSON)


def file_answer(services: Services, request: Request, instance: NonPatientInstance, offer: Offer) -> Response:
    """An instance as a file, alone or as a part."""
    if offer.multipart:
        content_type = f"{DICOM}; transfer-syntax={instance.transfer_syntax_uid}"
        _, body = services.originals.get(instance.object_key)
        version = Version(digest(DICOM, instance.sha256), instance.received_at)
        return multipart(services, request, [Part(body, content_type)], DICOM, version)
    info = services.originals.head(instance.object_key)
    version = Version(info.metadata.get("sha256") or instance.sha256, instance.received_at)
    return ranged(request, services.originals, instance.object_key, info.size_bytes, DICOM, version)
