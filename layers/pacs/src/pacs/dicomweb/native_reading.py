"""A dataset in XML as the DICOM JSON model: values stay texts, which `pacs.dicom.encoding` takes. Asked by
dicomweb.bulkdata.

A document that declares a type or entities is refused before anything is expanded.

Source: PS3.19 §A.1
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from pacs.errors import BadRequest

NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
DEEPEST = 256

Json = dict[str, Any]


@dataclass
class Node:
    name: str
    attributes: dict[str, str]
    children: "list[Node]" = field(default_factory=list)
    text: str = ""

    def named(self, name: str) -> "list[Node]":
        return [each for each in self.children if each.name == name]


def read_native(document: bytes) -> Json:
    """The dataset of one NativeDicomModel. Raises BadRequest when it is none."""
    root = parse(document)
    if root.name != "NativeDicomModel":
        raise BadRequest("the XML is no NativeDicomModel")
    return dataset(root)


def parse(document: bytes) -> Node:
    """The tree of an XML document, without namespaces. Raises BadRequest."""
    top = Node("", {})
    open_nodes = [top]
    texts: list[list[str]] = [[]]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_nodes) > DEEPEST:
            raise BadRequest(f"the XML is nested deeper than {DEEPEST}")
        node = Node(name.rpartition(" ")[2], attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)
        texts.append([])

    def end(name: str) -> None:
        open_nodes.pop().text = "".join(texts.pop())

    def refuse(*_: Any) -> None:
        raise BadRequest("the XML may not declare a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadRequest("the XML is not well-formed") from error
    return top.children[0]


def dataset(node: Node) -> Json:
    """The attributes of a NativeDicomModel or of an Item."""
    found: Json = {}
    owned: list[tuple[str, Node]] = []
    for each in node.named("DicomAttribute"):
        creator = each.attributes.get("privateCreator")
        if creator:
            owned.append((creator, each))
        else:
            found[each.attributes.get("tag", "")] = attribute(each)
    for creator, each in owned:
        found[private_tag(found, each.attributes.get("tag", ""), creator)] = attribute(each)
    return found


def private_tag(found: Json, tag: str, creator: str) -> str:
    """The tag in the block that its creator has, or is given here. Raises BadRequest."""
    if len(tag) != 8:
        raise BadRequest("a private attribute has no tag")
    group, own = tag[:4], tag[4:6]
    candidates = [] if own == "00" else [own]
    candidates += [f"{number:02X}" for number in range(0x10, 0x100)]
    for block in candidates:
        if found.get(f"{group}00{block}", {}).get("Value") == [creator]:
            return group + block + tag[6:]
    for block in candidates:
        if f"{group}00{block}" not in found:
            found[f"{group}00{block}"] = {"vr": "LO", "Value": [creator]}
            return group + block + tag[6:]
    raise BadRequest("a private group has no block left")


def attribute(node: Node) -> Json:
    vr = node.attributes.get("vr", "")
    result: Json = {"vr": vr}
    inline, bulk = node.named("InlineBinary"), node.named("BulkData")
    if inline:
        result["InlineBinary"] = "".join(inline[0].text.split())
    if bulk:
        result["BulkDataURI"] = bulk[0].attributes.get("uri") or bulk[0].attributes.get("uuid", "")
    kinds: tuple[tuple[str, Callable[[Node], Any]], ...] = (
        ("Item", dataset),
        ("PersonName", person_name),
        ("Value", lambda each: each.text or None),
    )
    for kind, read in kinds:
        children = node.named(kind)
        if children:
            result["Value"] = in_order(children, read)
    return result


def in_order(children: list[Node], read: Callable[[Node], Any]) -> list[Any]:
    """The values at the places that their numbers name; without numbers, one after the other."""
    numbered: dict[int, Any] = {}
    for place, child in enumerate(children, 1):
        number = child.attributes.get("number", str(place))
        if not number.isdecimal() or not 0 < int(number) <= len(children) or int(number) in numbered:
            raise BadRequest("the values of an attribute are not numbered one after the other")
        numbered[int(number)] = read(child)
    return [numbered[number] for number in sorted(numbered)]


def person_name(node: Node) -> Json:
    groups: Json = {}
    for kind in NAME_GROUPS:
        for group in node.named(kind):
            parts = ["".join(part.text for part in group.named(name)) for name in NAME_PARTS]
            groups[kind] = "^".join(parts).rstrip("^")
    return groups
