"""Which presentation contexts the node takes: any storage, in any transfer syntax of the standard, C-ECHO, and
query and retrieve by patient and study root.

Asked at every A-ASSOCIATE-RQ. Source: PS3.4 §B.5, §C.6 and §GG.3, PS3.5 §10 and Annex A, PS3.8 §9.3.2.2
"""

from collections.abc import Iterable
from functools import cache

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import ServiceClass, StorageServiceClass
from pynetdicom.sop_class import Verification, uid_to_service_class  # type: ignore[attr-defined]

from pacs.dicom.non_patient import is_non_patient

# Never a C-STORE's encoding: MIME and XML wrappings, Papyrus, and the real-time syntaxes of PS3.22.
NOT_FOR_STORAGE = frozenset({"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2", "1.2.840.10008.1.20"})
REAL_TIME_PREFIX = "1.2.840.10008.1.2.7."

# In the standard, but newer than pydicom's dictionary: JPEG XL (lossless, recompression, lossy), deflated frames.
NEWER = (
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.8.1",
)

# JPIP: the dataset only says where the pixels are.
BY_REFERENCE = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in ("94", "95", "204", "205"))

TRANSFER_SYNTAXES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *(
                uid
                for uid, (_, kind, *_) in UID_dictionary.items()
                if kind == "Transfer Syntax" and uid not in NOT_FOR_STORAGE and not uid.startswith(REAL_TIME_PREFIX)
            ),
            *NEWER,
        ]
    )
)

# Patient and study root: C-FIND, C-MOVE and C-GET.
QUERY_RETRIEVE = tuple(f"1.2.840.10008.5.1.4.1.2.{root}.{service}" for root in (1, 2) for service in (1, 2, 3))

SERVICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (Verification, (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)),
    *((each, (ImplicitVRLittleEndian, ExplicitVRLittleEndian)) for each in QUERY_RETRIEVE),
)


@cache
def is_storage(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class are stored here: of patients or of none, private and unheard-of ones.

    Not: SOP classes of other services. Source: PS3.4 §B.5, §GG.3
    """
    return is_non_patient(sop_class_uid) or uid_to_service_class(sop_class_uid) in (StorageServiceClass, ServiceClass)


@cache
def supported(sop_class_uid: str) -> PresentationContext | None:
    """What the node supports for one abstract syntax, or None. Shared and never changed: pynetdicom only reads it."""
    syntaxes = dict(SERVICES).get(sop_class_uid, TRANSFER_SYNTAXES if is_storage(sop_class_uid) else ())
    if not syntaxes:
        return None
    context = PresentationContext()
    context.abstract_syntax = UID(sop_class_uid)
    context.transfer_syntax = [UID(each) for each in syntaxes]
    if is_storage(sop_class_uid):  # a peer that proposes roles wants to be given instances by C-GET
        context.scu_role = context.scp_role = True
    return context


def settle(requested: Iterable[PresentationContext]) -> list[PresentationContext]:
    """What the node supports of a peer's proposal. Leaves in each proposed context the one syntax to be taken.

    That is the peer's own first choice among ours, because only the peer knows how its instances lie there:
    any order of ours would make it compress (lossily, even) or decompress them. Pixels by JPIP reference are
    taken only when nothing else is offered.
    """
    contexts: dict[str, PresentationContext] = {}
    for proposed in requested:
        context = supported(str(proposed.abstract_syntax))
        if context is None:
            continue
        contexts[str(proposed.abstract_syntax)] = context
        common = [each for each in proposed.transfer_syntax if each in context.transfer_syntax]
        if common:
            proposed.transfer_syntax = [min(common, key=lambda each: each in BY_REFERENCE)]
    return list(contexts.values())
