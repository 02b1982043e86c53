"""DICOM JSON or XML as it comes in a request, and the values in it. Used by all of worklist.

Source: PS3.18 Annex F, PS3.19 §A.1
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from pacs.dicomweb.native_reading import read_native
from pacs.errors import BadRequest, PayloadTooLarge

Json = dict[str, Any]

# A row of the RDS Data API holds 64 KB.
LARGEST_BYTES = 48_000
DEEPEST = 12
TAG = re.compile(r"[0-9A-Fa-f]{8}")
VR = re.compile(r"[A-Z]{2}")
VALUES = ("Value", "InlineBinary", "BulkDataURI")
# What JSON writes as numbers, and XML as text. Source: PS3.18 Table F.2.3-1
WHOLE = frozenset(("IS", "SL", "SS", "SV", "UL", "US", "UV"))
DECIMAL = frozenset(("DS", "FD", "FL"))
# Those whose items are looked into.
SEQUENCES = frozenset(
    (
        *("00404018", "00404019", "00404025", "00404026", "00404027", "00404028", "00404034", "00404009", "00404033"),
        *("00741002", "00741216", "0074100E", "0040A370"),
    )
)


def read_dataset(body: bytes, *, xml: bool = False) -> Json:
    """The one dataset of a body, in JSON alone or in an array of one, with tags in capitals. Raises BadRequest."""
    if len(body) > LARGEST_BYTES:
        raise PayloadTooLarge(f"a workitem takes at most {LARGEST_BYTES} bytes")
    if xml:
        return numbered(checked(read_native(body), DEEPEST))
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("the body is not JSON") from error
    if isinstance(found, list):
        if len(found) != 1:
            raise BadRequest("the body must hold one dataset")
        found = found[0]
    return checked(found, DEEPEST)


def checked(found: Any, depth: int) -> Json:
    """A dataset whose elements are DICOM JSON all the way down; what is not an element's is left out."""
    if not isinstance(found, dict) or depth == 0:
        raise BadRequest("the body is not a dataset in DICOM JSON")
    dataset = {}
    for tag, element in found.items():
        if not TAG.fullmatch(tag) or not isinstance(element, dict) or not VR.fullmatch(str(element.get("vr", ""))):
            raise BadRequest("an element needs a tag of eight digits and a vr")
        kept = {name: element[name] for name in ("vr", *VALUES) if name in element}
        if not isinstance(kept.get("Value", []), list) or (tag.upper() in SEQUENCES and kept["vr"] != "SQ"):
            raise BadRequest("the element's vr or Value is not that of its tag", field=tag.upper())
        if kept["vr"] == "SQ":
            kept["Value"] = [checked(item, depth - 1) for item in kept.get("Value", [])]
        elif not all(is_plain(each) for each in kept.get("Value", [])):
            raise BadRequest("the element's values are neither texts nor numbers nor names", field=tag.upper())
        dataset[tag.upper()] = kept
    return dataset


def numbered(dataset: Json) -> Json:
    """A dataset that came in XML with its numbers as JSON writes them. Raises BadRequest."""
    for tag, element in dataset.items():
        values = element.get("Value", [])
        if element["vr"] == "SQ":
            element["Value"] = [numbered(item) for item in values]
        elif element["vr"] in WHOLE | DECIMAL and values:
            element["Value"] = [number(each, element["vr"], tag) for each in values]
    return dataset


def number(text: Any, vr: str, tag: str) -> int | float | None:
    if text is None:
        return None
    try:
        found = int(text) if vr in WHOLE else float(text)
    except (TypeError, ValueError) as error:
        raise BadRequest("the value is no number", field=tag) from error
    if not (-(2**63) <= found < 2**64 if vr in WHOLE else math.isfinite(found)):
        raise BadRequest("the value is no number that can be kept", field=tag)
    return found


def is_plain(held: Any) -> bool:
    if isinstance(held, dict):  # a person's name
        return all(isinstance(each, str) for each in held.values())
    return held is None or isinstance(held, str | int | float)


def values(dataset: Mapping[str, Any], path: str) -> list[str]:
    """Every value at a path of tags joined by dots, in all items on the way; the groups of a name joined by `=`."""
    first, _, rest = path.partition(".")
    found = dataset.get(first, {}).get("Value", [])
    if rest:
        return [each for item in found if isinstance(item, dict) for each in values(item, rest)]
    return [text for each in found if (text := text_of(each))]


def text_of(value: Any) -> str:
    if isinstance(value, dict):
        groups = (value.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic"))
        return "=".join(str(group) for group in groups).rstrip("=")
    return "" if value is None else str(value).strip()


def value(dataset: Mapping[str, Any], path: str) -> str:
    """The first value at a path; empty when there is none."""
    return next(iter(values(dataset, path)), "")


def element(vr: str, *held: Any) -> Json:
    return {"vr": vr, "Value": list(held)} if held else {"vr": vr}
