"""Which SOP classes are of no patient, and under which name does DICOMweb answer each? Asked by the door, by whoever
reads headers, and by the archive.

Their instances have no study and no series. Source: PS3.4 §GG.3, PS3.18 §12.1.1 and CP-2551 (protocol approvals)
"""

# The names that PS3.18 gives the resources, each with its SOP classes.
CATEGORIES: dict[str, frozenset[str]] = {
    "color-palettes": frozenset(("1.2.840.10008.5.1.4.39.1",)),
    "defined-procedure-protocols": frozenset(("1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.7")),
    "hanging-protocols": frozenset(("1.2.840.10008.5.1.4.38.1",)),
    "implant-templates": frozenset(f"1.2.840.10008.5.1.4.{kind}.1" for kind in (43, 44, 45)),
    "inventories": frozenset(("1.2.840.10008.5.1.4.1.1.201.1",)),
    "protocol-approvals": frozenset(("1.2.840.10008.5.1.4.1.1.200.3",)),
}
NON_PATIENT: dict[str, str] = {uid: name for name, uids in CATEGORIES.items() for uid in sorted(uids)}


def is_non_patient(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class belong to no patient, and so to no study."""
    return sop_class_uid in NON_PATIENT
