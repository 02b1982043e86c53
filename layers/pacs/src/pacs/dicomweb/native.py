"""DICOM JSON as XML of the Native DICOM Model, for those who ask for it. Called by entry.native.

Source: PS3.19 §A.1, PS3.18 §F.2
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">{}'
    "</NativeDicomModel>\n"
)
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# What XML 1.0 cannot hold, escaped or not.
IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Json = Mapping[str, Any]


def to_native(dataset: Json) -> bytes:
    """One dataset of the DICOM JSON model as a document. Characters that XML cannot hold are left out."""
    return DOCUMENT.format("".join(attributes(dataset))).encode()


def attributes(dataset: Json) -> Iterator[str]:
    for tag, element in dataset.items():
        named = {"tag": tag, "vr": element["vr"], "keyword": keyword_for_tag(int(tag, 16))}
        named["privateCreator"] = private_creator(dataset, tag)
        told = "".join(f" {name}={quoteattr(legal(value))}" for name, value in named.items() if value)
        yield f"<DicomAttribute{told}>{''.join(content(element))}</DicomAttribute>"


def private_creator(dataset: Json, tag: str) -> str:
    """Who reserved the block of a private attribute; empty for others. Source: PS3.5 §7.8.1"""
    if not int(tag[:4], 16) & 1 or tag[4:6] == "00":
        return ""
    values = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
    return str(values[0] or "")


def content(element: Json) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={quoteattr(legal(element['BulkDataURI']))}/>"
    if "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(element.get("Value", ()), 1):
        if element["vr"] == "SQ":
            yield f'<Item number="{number}">{"".join(attributes(value or {}))}</Item>'
        elif value is not None:
            kind, inner = ("PersonName", person(value)) if element["vr"] == "PN" else ("Value", text(value))
            yield f'<{kind} number="{number}">{inner}</{kind}>'


def person(name: Json) -> str:
    """The groups of a name, each in its components."""
    groups = []
    for group in NAME_GROUPS:
        parts = zip(NAME_PARTS, name.get(group, "").split("^"), strict=False)
        if inner := "".join(f"<{part}>{text(value)}</{part}>" for part, value in parts if value):
            groups.append(f"<{group}>{inner}</{group}>")
    return "".join(groups)


def text(value: Any) -> str:
    """A value as the text of an element. A carriage return would be read back as a line feed."""
    return escape(legal(str(value)), {"\r": "&#13;"})


def legal(value: str) -> str:
    return IMPOSSIBLE.sub("", value)
