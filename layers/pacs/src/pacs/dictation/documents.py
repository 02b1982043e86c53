"""How are the documents of a report job kept? As JSON in the exchange store, under the keys of `dictation.keys`."""

import json
from collections.abc import Mapping
from typing import Any

from pacs.ports import Services

Document = dict[str, Any]


def read_document(services: Services, key: str) -> Document:
    """Raises ObjectNotFound when there is none, or it has expired."""
    found: Document = json.loads(services.exchange.get(key)[1])
    return found


def write_document(services: Services, key: str, document: Mapping[str, Any]) -> None:
    """In the place of an earlier one."""
    services.exchange.put(key, json.dumps(document, ensure_ascii=False).encode(), content_type="application/json")
