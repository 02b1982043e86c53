"""The tables of docs/conformance.md, made from what the code itself decides by, for `cog`.

Source: PS3.2
"""

import importlib
from collections.abc import Iterator, Sequence

from fastapi.routing import APIRoute
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from functions.catalogue import FUNCTIONS
from gateway_scp.contexts import NEWER, SERVICES, TRANSFER_SYNTAXES, is_storage
from infra.documents import table
from pacs.dicom import mp4, wrapping
from pacs.dicom.attributes import ATTRIBUTES, Attribute
from pacs.dicom.non_patient import CATEGORIES
from pacs.dicom.transcode import VIDEO_TYPES
from pacs.entry.stow import STORED_TYPES
from pacs.entry.wado import IMAGES, WRITTEN
from pacs.errors import ANSWERS
from pacs.reporting import structured

MATCHING = {
    "uid": "single value, list of UIDs",
    "code": "single value, wildcard",
    "text": "single value, wildcard; case and accents do not count",
    "name": "as text, component by component",
    "date": "single value, range",
    "time": "single value, range",
    "integer": "single value",
}

PICTURE = (wrapping.JPEG_BASELINE, wrapping.EXPLICIT_LITTLE_ENDIAN)
FILM = (mp4.H264_HIGH_41, mp4.H264_HIGH_42, mp4.HEVC_MAIN_51, mp4.HEVC_MAIN10_51)
# What the archive writes itself: SOP class, of what, transfer syntaxes.
MADE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (structured.REPORT, "signed reports and their addenda", (wrapping.EXPLICIT_LITTLE_ENDIAN,)),
    (structured.REPORT_PDF, "the same on a letterhead", (wrapping.EXPLICIT_LITTLE_ENDIAN,)),
    (wrapping.SECONDARY_CAPTURE, "JPEG and PNG that people bring", PICTURE),
    (wrapping.VL_PHOTOGRAPHIC, f"JPEG and PNG of the modality {wrapping.PHOTOGRAPHY}", PICTURE),
    (wrapping.VIDEO_PHOTOGRAPHIC, "MP4 that people bring", FILM),
    (wrapping.ENCAPSULATED_PDF, "PDF that people bring", (wrapping.EXPLICIT_LITTLE_ENDIAN,)),
)


def name_of(uid: str) -> str:
    """The standard's name of a UID; of one newer than our dictionary, the UID alone."""
    known = UID(uid).name
    return "(newer than our dictionary)" if known == uid or uid in NEWER else known


def uid_table(uids: Sequence[str]) -> str:
    return table(("Name", "UID"), [[name_of(each), f"`{each}`"] for each in uids])


def services_table() -> str:
    """The SOP classes of the DICOM node besides storage."""
    rows = [[name_of(uid), f"`{uid}`", "<br>".join(map(name_of, syntaxes))] for uid, syntaxes in SERVICES]
    return table(("SOP class", "UID", "Transfer syntaxes"), rows)


def storage_table() -> str:
    """Every known SOP class that is stored. Private and newer ones are, too."""
    return uid_table([uid for uid, row in UID_dictionary.items() if row[1] == "SOP Class" and is_storage(uid)])


def non_patient_table() -> str:
    """The names of the kinds of instances that belong to no patient, with their SOP classes."""
    rows = [[f"`{name}`", "<br>".join(map(name_of, sorted(uids)))] for name, uids in CATEGORIES.items()]
    return table(("Category", "SOP classes"), rows)


def made_table() -> str:
    """The SOP classes of the instances that the archive writes itself."""
    rows = [[name_of(uid), f"`{uid}`", of, "<br>".join(map(name_of, syntaxes))] for uid, of, syntaxes in MADE]
    return table(("SOP class", "UID", "Made of", "Transfer syntaxes"), rows)


def transfer_syntaxes_table() -> str:
    return uid_table(TRANSFER_SYNTAXES)


def written_syntaxes_table() -> str:
    """The transfer syntaxes in which a client may ask for instances that are stored in another."""
    return uid_table(WRITTEN)


def web_routes_table() -> str:
    """Every transaction below /dicomweb, with what its handler says of itself."""
    rows = [[f"`{method}`", f"`{path}`", told] for method, path, told in sorted(web_routes(), key=lambda each: each[1])]
    return table(("Method", "Resource", "Answer"), rows)


def web_routes() -> Iterator[tuple[str, str, str]]:
    for function in FUNCTIONS:
        if any(route.path.startswith("/dicomweb") for route in function.routes):
            router = importlib.import_module(f"functions.{function.name}.routes").router
            for route in router.routes:
                if isinstance(route, APIRoute) and route.path.startswith("/dicomweb"):
                    told = (route.endpoint.__doc__ or "").strip().splitlines()[0]
                    for method in sorted(route.methods or ()):
                        yield method, route.path, told


def media_types_table() -> str:
    rows = [
        ["Store, received", *STORED_TYPES],
        ["Rendered", *IMAGES],
        ["Video, as it is", *VIDEO_TYPES],
    ]
    return table(
        ("Of what", "Media types"), [[what, ", ".join(f"`{each}`" for each in kinds)] for what, *kinds in rows]
    )


def keys_table() -> str:
    rows = [
        [each.level, f"`{each.keyword}`", f"`{each.path}`", each.vr, MATCHING[each.matching], returned(each)]
        for each in ATTRIBUTES
    ]
    return table(("Level", "Key", "Tag", "VR", "Matching", "In the answer"), rows)


def returned(attribute: Attribute) -> str:
    if not attribute.returned:
        return "with includefield"
    return "when it has a value" if attribute.optional else "always"


def statuses_table() -> str:
    """What a sender is told, over DIMSE, in STOW's answers and over HTTP."""
    rows = [
        [kind.__name__, f"0x{each.dimse_status:04X}", str(each.http_status), f"`{each.code}`"]
        for kind, each in ANSWERS.items()
    ]
    return table(("What is wrong", "DIMSE status, Failure Reason", "HTTP status", "Code"), rows)
