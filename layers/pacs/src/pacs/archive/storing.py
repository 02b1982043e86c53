"""STOW and import: instances that come by HTTP or from files go into the originals like those of the DICOM door.

Called by functions/dicomweb and the `pacs import` command. Source: PS3.18 §10.5.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pacs.archive.keys import InstancePath
from pacs.archive.source import FileSource
from pacs.dicom.header import read_header
from pacs.dicom.source import ByteSource, BytesSource
from pacs.errors import InvalidInstance, PacsError
from pacs.people.scope import Scope
from pacs.ports import Outcome, Services


@dataclass(frozen=True)
class StoredInstance:
    """How the storing of one instance ended; UIDs are empty when the dataset did not give them."""

    sop_class_uid: str
    study: str
    series: str
    sop_instance_uid: str
    outcome: Outcome | None
    error: PacsError | None = None


def store_instance(
    services: Services,
    scope: Scope,
    body: bytes | Path,
    *,
    study: str | None = None,
    branch_id: str = "",
    source_ip: str = "",
) -> StoredInstance:
    """Store one Part 10 file durably; a Path is consumed. Every error but Unavailable is told in the answer.

    `study`: when given, an instance of another study is refused. Raises StoreUnavailable.
    """
    uids = ("", "", "", "")
    try:
        source: ByteSource = FileSource(body) if isinstance(body, Path) else BytesSource(body)
        header = read_header(source)
        uids = (
            header.sop_class_uid,
            header.study_instance_uid,
            header.series_instance_uid,
            header.sop_instance_uid,
        )
        if study is not None and uids[1] != study:
            raise InvalidInstance("the instance belongs to another study than the URL", field="StudyInstanceUID")
        path = InstancePath(scope.organization_id, *uids[1:])
        metadata = {
            "branch_id": branch_id,
            "source_ip": source_ip,
            "received_at": services.clock.now().isoformat(),
            "transfer_syntax_uid": header.transfer_syntax_uid,
            "sop_class_uid": uids[0],
        }
        outcome = services.originals.store_original(path.original, body, sha256=digest(body), metadata=metadata)
    except InvalidInstance as error:
        return StoredInstance(*uids, outcome=None, error=error)
    return StoredInstance(*uids, outcome=outcome)


def digest(body: bytes | Path) -> str:
    """SHA-256 of bytes or of a file, in hexadecimal."""
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
