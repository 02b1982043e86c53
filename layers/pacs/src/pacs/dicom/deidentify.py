"""Who is it? What a dataset says of that is taken out, or told otherwise. Called by the archive for private scopes.

Works on the DICOM JSON model, so that metadata, search answers and files tell the same. Stricter than the profile: of
what it does not name only numbers, registered UIDs and known terms of the standard stay; every other text may be
somebody's name.

Source: PS3.15 §E.1 and Table E.1-1
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydicom._uid_dict import UID_dictionary

from pacs.dicom.alias import Alias
from pacs.dicom.basic_profile import DRAWN_BINARY, EMPTIED, REMOVED, REPLACED, STAND_INS, TERMS
from pacs.dicom.elements import public_vr

Json = dict[str, Any]
Link = Callable[[str], str]  # a BulkDataURI as it is told

PATIENT_ID = "00100020"
SAMPLES_PER_PIXEL = "00280002"
# No length, dose or count is larger; record numbers and those of citizens are.
LARGEST = 100_000_000
NUMBERS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "SV", "UV"))
SHORT_TEXTS = frozenset(("CS", "LO", "SH"))
CODE = "113100"
# What was done, for whoever gets the instance. Source: PS3.15 §E.1.1, PS3.16 CID 7050
DONE: Json = {
    "00120062": {"vr": "CS", "Value": ["YES"]},
    "00120063": {"vr": "LO", "Value": ["Bulut PACS: PS3.15 basic profile, texts removed, UIDs replaced"]},
    "00120064": {
        "vr": "SQ",
        "Value": [
            {
                "00080100": {"vr": "SH", "Value": [CODE]},
                "00080102": {"vr": "SH", "Value": ["DCM"]},
                "00080104": {"vr": "LO", "Value": ["Basic Application Confidentiality Profile"]},
            }
        ],
    },
    "00280303": {"vr": "CS", "Value": ["REMOVED"]},
}


def deidentified(document: Mapping[str, Any], alias: Alias, link: Link) -> Json:
    """A dataset without what identifies. `link` makes the told BulkDataURI of a stored one."""
    found = {}
    for tag, attribute in document.items():
        kept = kept_attribute(tag, attribute, alias, link)
        if kept is not None:
            found[tag] = kept
    return found


def declared(document: Json) -> Json:
    """A whole instance that says of itself that its patient's identity was removed, and how."""
    return dict(sorted({**document, **DONE}.items()))


def cleaned(document: Json) -> Json:
    """A declared instance whose picture was blanked where names are drawn, and is told uncompressed.

    Source: PS3.15 §E.3.1 (Clean Pixel Data Option)
    """
    told = {**document, "00280301": {"vr": "CS", "Value": ["NO"]}}
    codes = document["00120064"]["Value"]
    option = {"00080100": "113101", "00080102": "DCM", "00080104": "Clean Pixel Data Option"}
    vrs = {"00080100": "SH", "00080102": "SH", "00080104": "LO"}
    item = {tag: {"vr": vrs[tag], "Value": [value]} for tag, value in option.items()}
    told["00120064"] = {"vr": "SQ", "Value": [*codes, item]}
    if (document.get(SAMPLES_PER_PIXEL, {}).get("Value") or [1])[0] > 1:
        told |= {"00280004": {"vr": "CS", "Value": ["RGB"]}, "00280006": {"vr": "US", "Value": [0]}}
    if "00083002" in document:
        told["00083002"] = {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    return dict(sorted(told.items()))


def survives(path: str) -> bool:
    """Whether the binary value at a path of tags and item numbers is told."""
    *steps, last = path.split("/")
    return last in DRAWN_BINARY and not any(is_removed(tag) or tag in EMPTIED for tag in steps[::2])


def is_removed(tag: str) -> bool:
    """Private elements, curves and overlays are, whatever they hold; so is what the profile names."""
    group = int(tag[:4], 16)
    return bool(group % 2) or group >> 8 in (0x50, 0x60) or tag in REMOVED


def kept_attribute(tag: str, attribute: Mapping[str, Any], alias: Alias, link: Link) -> Json | None:
    """What is left of one attribute; None: nothing."""
    if is_removed(tag):
        return None
    vr, values = attribute["vr"], attribute.get("Value")
    if tag == PATIENT_ID and values and values[0]:
        return {"vr": vr, "Value": [alias.patient(str(values[0]))]}
    if tag in EMPTIED:
        return {"vr": vr}
    if vr == "SQ":
        return kept_sequence(values, alias, link)
    if tag in REPLACED:
        return {"vr": vr, "Value": [STAND_INS[vr]]} if vr in STAND_INS else {"vr": vr}
    if "BulkDataURI" in attribute:
        drawn = tag in DRAWN_BINARY or is_pixels(tag)
        return {"vr": vr, "BulkDataURI": link(attribute["BulkDataURI"])} if drawn else None
    if "InlineBinary" in attribute:
        return dict(attribute) if tag in DRAWN_BINARY else None
    if not values:
        return {"vr": vr}
    kept = [kept_value(vr, each, alias) for each in values]
    return {"vr": vr, "Value": kept} if any(each is not None for each in kept) else None


def is_pixels(tag: str) -> bool:
    return tag in ("7FE00008", "7FE00009", "7FE00010")


def kept_sequence(items: Any, alias: Alias, link: Link) -> Json | None:
    """The items without what identifies; no sequence when nothing is left of any."""
    kept = [deidentified(item or {}, alias, link) for item in items or ()]
    if not kept:
        return {"vr": "SQ"}
    return {"vr": "SQ", "Value": kept} if any(kept) else None


def kept_value(vr: str, value: Any, alias: Alias) -> Any:
    """A value that tells nothing of anybody, or the UID that it is told by; None: it is not told."""
    if vr in NUMBERS:
        known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
        return value if known else None
    if vr == "UI":
        return value if value is None or value in UID_dictionary else alias.uid(str(value))
    if vr in SHORT_TEXTS:
        return value if value in TERMS else None
    if vr == "AT":
        return value if isinstance(value, str) and public_vr(int(value, 16)) else None
    return None
