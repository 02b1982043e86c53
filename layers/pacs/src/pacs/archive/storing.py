"""STOW and import: instances that come by HTTP or from files go into the originals like those of the DICOM door.

Called by functions/dicomweb and the `pacs import` command. Source: PS3.18 §10.5.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from pacs.archive.keys import InstancePath, NonPatientPath
from pacs.archive.source import FileSource
from pacs.dicom.header import Header, read_header
from pacs.dicom.non_patient import NON_PATIENT, is_non_patient
from pacs.dicom.preamble import HEAD_BYTES, PREAMBLE_BYTES, is_harmless
from pacs.dicom.source import ByteSource, BytesSource
from pacs.dicomweb.stow import NOT_AS_ANNOUNCED
from pacs.errors import Forbidden, InvalidInstance, PacsError, SopClassMismatch, StudyMismatch
from pacs.people.scope import Scope
from pacs.ports import Outcome, Services

BRANCH = text(
    "select cast(branch_id as text) as branch_id from studies"
    " where organization_id = cast(:organization_id as uuid) and study_instance_uid = :study"
)
NON_PATIENT_BRANCH = text(
    "select cast(branch_id as text) as branch_id from non_patient_instances"
    " where organization_id = cast(:organization_id as uuid)"
    " and sop_class_uid = :sop_class and sop_instance_uid = :instance"
)
MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020002, 0x00020003


@dataclass(frozen=True)
class StoredInstance:
    """How the storing of one instance ended; UIDs are empty when the dataset did not give them.

    What belongs to no patient has no study and no series.
    """

    sop_class_uid: str
    study: str
    series: str
    sop_instance_uid: str
    outcome: Outcome | None
    error: PacsError | None = None
    warning: int = 0  # a reason of PS3.18 Table I.2-1


def store_instance(
    services: Services,
    scope: Scope,
    body: bytes | Path,
    *,
    study: str | None = None,
    category: str | None = None,
    instance: str | None = None,
    branch_id: str = "",
    source_ip: str = "",
) -> StoredInstance:
    """Store one Part 10 file durably; a Path is consumed. What is wrong with it is told in the answer.

    `study`, `category` (of what belongs to no patient), `instance`: when given, what is of another, or another, is
    refused. Raises StoreUnavailable.
    """
    uids = ("", "", "", "")
    try:
        source: ByteSource = FileSource(body) if isinstance(body, Path) else BytesSource(body)
        header = read_header(source)
        uids = uids_of(header)
        check_study(scope, study, uids[1])
        check_branch(services, scope, uids)
        check_category(header, category, instance)
        body = without_foreign_preamble(body)
        key = original_key(scope.organization_id, *uids)
        metadata = {
            "branch_id": branch_id,
            "source_ip": source_ip,
            "received_at": services.clock.now().isoformat(),
            "transfer_syntax_uid": header.transfer_syntax_uid,
            "sop_class_uid": uids[0],
        }
        outcome = services.originals.store_original(key, body, sha256=digest(body), metadata=metadata)
    except (InvalidInstance, Forbidden) as error:
        return StoredInstance(*uids, outcome=None, error=error)
    return StoredInstance(*uids, outcome=outcome, warning=0 if describes(header) else NOT_AS_ANNOUNCED)


def uids_of(header: Header) -> tuple[str, str, str, str]:
    """SOP class, study, series and instance; study and series are empty for what belongs to no patient."""
    above = (header.study_instance_uid, header.series_instance_uid)
    if is_non_patient(header.sop_class_uid):
        above = ("", "")
    return (header.sop_class_uid, *above, header.sop_instance_uid)


def original_key(organization_id: str, sop_class: str, study: str, series: str, instance: str) -> str:
    """Where an instance lies in the originals."""
    if is_non_patient(sop_class):
        return NonPatientPath(organization_id, sop_class, instance).original
    return InstancePath(organization_id, study, series, instance).original


def check_study(scope: Scope, addressed: str | None, study: str) -> None:
    """Raises StudyMismatch for a study other than the one addressed, Forbidden for one outside the scope."""
    if addressed is not None and study != addressed:
        raise StudyMismatch("the instance belongs to another study than the URL", field="StudyInstanceUID")
    if scope.studies is not None and study not in scope.studies:
        raise Forbidden("this token may not store into this study", field="StudyInstanceUID")


def check_category(header: Header, category: str | None, instance: str | None) -> None:
    """Raises SopClassMismatch for an instance of another kind, or another instance, than the one addressed."""
    if category is not None and NON_PATIENT.get(header.sop_class_uid) != category:
        raise SopClassMismatch("the instance is of another kind than the URL", field="SOPClassUID")
    if instance is not None and header.sop_instance_uid != instance:
        raise SopClassMismatch("the instance is another than the one of the URL", field="SOPInstanceUID")


def check_branch(services: Services, scope: Scope, uids: tuple[str, str, str, str]) -> None:
    """Raises Forbidden for a study, or an instance of no patient, of a branch that the scope does not see: nobody adds
    to, or replaces, what is hidden from them.
    """
    if scope.branches is None:
        return
    sop_class, study, _, instance = uids
    owned = {"organization_id": scope.organization_id}
    if is_non_patient(sop_class):
        rows = services.database.fetch(NON_PATIENT_BRANCH, owned | {"sop_class": sop_class, "instance": instance})
        field = "SOPInstanceUID"
    else:
        rows, field = services.database.fetch(BRANCH, owned | {"study": study}), "StudyInstanceUID"
    if rows and rows[0]["branch_id"] not in scope.branches:
        raise Forbidden("this token may not store into what another branch has", field=field)


def without_foreign_preamble(body: bytes | Path) -> bytes | Path:
    """The same instance, with zeros where its preamble would make a program of it. A file is changed in place.

    Done before it is stored, because answers by range and by redirect come straight from the store.
    """
    if isinstance(body, bytes):
        return body if is_harmless(body[:HEAD_BYTES]) else bytes(PREAMBLE_BYTES) + body[PREAMBLE_BYTES:]
    with body.open("r+b") as file:
        if not is_harmless(file.read(HEAD_BYTES)):
            file.seek(0)
            file.write(bytes(PREAMBLE_BYTES))
    return body


def describes(header: Header) -> bool:
    """Whether the file meta, as far as there is any, names the SOP class and instance of the dataset."""
    announced = header.meta.text(MEDIA_STORAGE_SOP_CLASS_UID), header.meta.text(MEDIA_STORAGE_SOP_INSTANCE_UID)
    return announced[0] in ("", header.sop_class_uid) and announced[1] in ("", header.sop_instance_uid)


def digest(body: bytes | Path) -> str:
    """SHA-256 of bytes or of a file, in hexadecimal."""
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
