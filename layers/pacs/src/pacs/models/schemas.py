"""Does a document keep to a JSON schema? For the few keywords that our own schemas use; asked by openai_shaped.

`type`, `enum`, `properties` with all of them required and none besides, `items`.
Source: JSON Schema 2020-12, Validation §6
"""

from collections.abc import Mapping
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def object_of(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has exactly these."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def fault_of(document: Any, schema: Mapping[str, Any], at: str = "the document") -> str:
    """What is wrong first, without a word of the document; empty when nothing is."""
    kind: str = schema["type"]
    if not isinstance(document, TYPES[kind]) or (isinstance(document, bool) and kind != "boolean"):
        return f"{at} is no {kind}"
    if "enum" in schema and document not in schema["enum"]:
        return f"{at} is none of {', '.join(map(str, schema['enum']))}"
    if isinstance(document, list):
        faults = (fault_of(each, schema["items"], f"{at}[{index}]") for index, each in enumerate(document))
        return next(filter(None, faults), "")
    if isinstance(document, dict):
        return fault_of_object(document, schema["properties"], at)
    return ""


def fault_of_object(document: Mapping[str, Any], properties: Mapping[str, Any], at: str) -> str:
    missing = [name for name in properties if name not in document]
    if missing:
        return f"{at} has no {missing[0]}"
    if len(document) > len(properties):
        return f"{at} has more than {', '.join(properties)}"
    faults = (fault_of(document[name], each, f"{at}.{name}") for name, each in properties.items())
    return next(filter(None, faults), "")
