"""Which instance is this, and can it be indexed? Reads four UIDs from the head of an object, of any transfer syntax.

Called by the handler for every C-STORE. What the indexer could never read is refused here, while the sender still has
it: acknowledged, it would take the place of an older version that is good. Only what comes before the pixels counts.

Source: PS3.5 §7.1 and §9.1
"""

from dataclasses import dataclass

from pacs.dicom.header import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE, read_header
from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.skim import SKIMMED_BYTES, Uids, skim
from pacs.dicom.source import FIRST_BLOCK_BYTES, ByteSource
from pacs.errors import SopClassMismatch

UNSKIMMED = DEFLATED | {EXPLICIT_BIG}


@dataclass(frozen=True)
class Identity:
    """What belongs to no patient has no study and no series: theirs are empty."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str


def read_identity(part10: ByteSource, dataset_offset: int, transfer_syntax_uid: str) -> Identity:
    """The UIDs of an object whose dataset begins at the offset, behind preamble and file meta.

    Raises what `read_header` raises: MissingUid for one that is absent or malformed, InvalidInstance for bytes that
    make no dataset, or end in the middle of its header.
    """
    uids = skim_start(part10, dataset_offset, transfer_syntax_uid)
    if uids is None:
        header = read_header(part10)
        uids = header.sop_class_uid, header.sop_instance_uid, header.study_instance_uid, header.series_instance_uid
    sop_class, sop_instance, study, series = uids
    return Identity(sop_class, sop_instance, *(("", "") if is_non_patient(sop_class) else (study, series)))


def skim_start(part10: ByteSource, dataset_offset: int, transfer_syntax_uid: str) -> Uids | None:
    """The UIDs of a header in which nothing is odd; None: it must be parsed."""
    if transfer_syntax_uid in UNSKIMMED:
        return None
    implicit = transfer_syntax_uid == IMPLICIT_LITTLE
    for length in (FIRST_BLOCK_BYTES, SKIMMED_BYTES):
        whole = part10.size_bytes <= dataset_offset + length
        uids = skim(part10.read(dataset_offset, length), implicit=implicit, whole=whole)
        if uids or whole:
            return uids
    return None


def require_same(identity: Identity, sop_class_uid: str, sop_instance_uid: str) -> None:
    """Raises SopClassMismatch when the dataset is not what the C-STORE-RQ announced. Source: PS3.4 §B.2.3"""
    if identity.sop_class_uid != sop_class_uid:
        raise SopClassMismatch("dataset is of another SOP class than announced")
    if identity.sop_instance_uid != sop_instance_uid:
        raise SopClassMismatch("dataset is another instance than announced")
