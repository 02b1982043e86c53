"""By what can instances of no patient be searched? By whatever of their text, codes, UIDs, dates and whole numbers
the dictionary knows, in sequences too. Asked by the indexer for their rows, and by DICOMweb for queries.

These SOP classes share hardly an attribute, so there is no table of them: what the standard demands as matching keys
is among these. Source: PS3.4 §U.6, §X.6, §BB.6, §HH.6 and §II.6
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydicom.datadict import get_entry

from pacs.dicom.attributes import Attribute, Matching
from pacs.dicom.elements import Item
from pacs.dicom.header import Header
from pacs.dicom.index_row import LONGEST_COLUMN, NORMALISE, as_text, integer
from pacs.dicom.json import Values, element_values, to_dicom_json

MATCHING: dict[str, Matching] = {
    **dict.fromkeys(("AE", "AS", "CS"), "code"),
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT"), "text"),
    **dict.fromkeys(("IS", "SL", "SS", "UL", "US"), "integer"),
    "UI": "uid",
    "PN": "name",
    "DA": "date",
    "TM": "time",
}
# What is matched where there may be several values: any of them.
SEVERAL = frozenset(("uid", "code", "text", "name"))
DEEPEST = 2  # sequences: a code within an item of one
MOST_ITEMS, MOST_KEYS = 64, 256
LARGEST_ATTRIBUTE, LARGEST_DOCUMENT = 4096, 16384


@lru_cache(maxsize=4096)
def searched_attribute(path: str) -> Attribute | None:
    """The attribute at a path of tags (eight upper-case digits) joined by dots; None when it is not searched by."""
    *above, tag = path.split(".")
    try:
        vr, vm, _, _, keyword = get_entry(int(tag, 16))
        in_sequences = all(get_entry(int(each, 16))[0] == "SQ" for each in above)
    except KeyError:
        return None
    matching = MATCHING.get(vr)
    several = bool(above) or vm != "1"
    if matching is None or not in_sequences or len(above) > DEEPEST or (several and matching not in SEVERAL):
        return None
    return Attribute(keyword, tag, vr, vm, "instance", path, matching, sequence=".".join(above), several=several)


def non_patient_row(header: Header) -> dict[str, Any]:
    """What the index keeps of one instance. `keys`: path → what is matched, of several values each between
    backslashes. `dicom`: the DICOM JSON of its small attributes.
    """
    return {
        "sop_class_uid": header.sop_class_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "keys": search_keys(header.root),
        "dicom": small_attributes(header),
    }


def search_keys(root: Item) -> dict[str, str | int]:
    found: dict[str, Values] = defaultdict(list)
    for path, values in searched_values(root, "", 0):
        found[path] += values
    keys: dict[str, str | int] = {}
    for path, values in list(found.items())[:MOST_KEYS]:
        attribute = searched_attribute(path)
        key = None if attribute is None else search_key(attribute, values)
        if key is not None:
            keys[path] = key
    return keys


def searched_values(item: Item, prefix: str, depth: int) -> Iterator[tuple[str, Values]]:
    """The values of everything that is searched by. Long sequences are lists of something, not what it is about."""
    for tag, element in item.elements.items():
        path = f"{prefix}{tag:08X}"
        if element.items is not None:
            if depth < DEEPEST and len(element.items) <= MOST_ITEMS:
                for child in element.items:
                    yield from searched_values(child, f"{path}.", depth + 1)
        elif attribute := searched_attribute(path):
            yield path, element_values(item, tag, attribute.vr)


def search_key(attribute: Attribute, values: Values) -> str | int | None:
    if attribute.matching == "integer":
        return integer(values[0]) if values else None
    normalise = NORMALISE[attribute.matching]
    texts = [text for text in map(normalise, map(as_text, values)) if text]
    if not texts:
        return None
    if not attribute.several:
        return texts[0][:LONGEST_COLUMN]
    return "\\" + "\\".join(texts)[: LONGEST_COLUMN - 2] + "\\"


def small_attributes(header: Header) -> dict[str, Any]:
    """The DICOM JSON of what is short, in the order of the tags, as far as a row may be long."""
    small: dict[str, Any] = {}
    size = 0
    for tag, attribute in to_dicom_json(header, bulkdata_uri=lambda _path: "").items():
        text = json.dumps(attribute)
        if '"BulkDataURI"' in text or len(text) > LARGEST_ATTRIBUTE or size + len(text) > LARGEST_DOCUMENT:
            continue
        small[tag] = attribute
        size += len(text)
    return small
