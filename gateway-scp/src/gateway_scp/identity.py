"""Which instance is this? Reads four UIDs from the head of an encoded dataset, of any transfer syntax.

Called by the handler for every C-STORE. The same parser serves the indexer, so what is accepted can be indexed;
it reads no further than the Series Instance UID, and changes nothing.

Source: PS3.5 §7.1 and §9.1
"""

from dataclasses import dataclass

from pacs.dicom.elements import Item, Parser
from pacs.dicom.header import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE
from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.source import HEADER_LIMIT_BYTES, ByteSource, InflatedSource, RangedFile
from pacs.dicom.uids import require_uid
from pacs.errors import SopClassMismatch

SERIES_INSTANCE_UID = 0x0020000E


@dataclass(frozen=True)
class Identity:
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str


def read_identity(dataset: ByteSource, transfer_syntax_uid: str) -> Identity:
    """The UIDs of an encoded dataset (without preamble and file meta).

    Raises MissingUid for one that is absent or malformed, InvalidInstance for bytes that make no dataset.
    """
    if transfer_syntax_uid in DEFLATED:
        dataset = InflatedSource(dataset, 0)
    root = Item(transfer_syntax_uid == IMPLICIT_LITTLE, transfer_syntax_uid != EXPLICIT_BIG)
    Parser(RangedFile(dataset, limit_bytes=HEADER_LIMIT_BYTES)).read_root(root, 0, until=SERIES_INSTANCE_UID)
    sop_class = require_uid(root.text(0x00080016), "SOPClassUID")
    sop_instance = require_uid(root.text(0x00080018), "SOPInstanceUID")
    if is_non_patient(sop_class):
        return Identity(sop_class, sop_instance, "", "")
    return Identity(
        sop_class,
        sop_instance,
        require_uid(root.text(0x0020000D), "StudyInstanceUID"),
        require_uid(root.text(SERIES_INSTANCE_UID), "SeriesInstanceUID"),
    )


def require_same(identity: Identity, sop_class_uid: str, sop_instance_uid: str) -> None:
    """Raises SopClassMismatch when the dataset is not what the C-STORE-RQ announced. Source: PS3.4 §B.2.3"""
    if identity.sop_class_uid != sop_class_uid:
        raise SopClassMismatch("dataset is of another SOP class than announced")
    if identity.sop_instance_uid != sop_instance_uid:
        raise SopClassMismatch("dataset is another instance than announced")
