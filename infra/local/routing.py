"""Which function answers a method and a path, chosen as API Gateway chooses. Asked by the gateway.

Source: API Gateway Developer Guide, "Amazon API Gateway resources": a literal part wins over `{name}`, and that
over the greedy `{name+}`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from functions.entries import Function, Route


@dataclass(frozen=True)
class Match:
    function: Function
    route: Route
    path_parameters: Mapping[str, str]


@dataclass
class Node:
    """One part of the paths: what may follow it, and who answers when nothing does."""

    literals: dict[str, "Node"] = field(default_factory=dict)
    named: dict[str, "Node"] = field(default_factory=dict)
    greedy: dict[str, "Node"] = field(default_factory=dict)
    methods: dict[str, tuple[Function, Route]] = field(default_factory=dict)

    def child(self, part: str) -> "Node":
        if part.startswith("{") and part.endswith("+}"):
            return self.greedy.setdefault(part[1:-2], Node())
        if part.startswith("{") and part.endswith("}"):
            return self.named.setdefault(part[1:-1], Node())
        return self.literals.setdefault(part, Node())


class Routes:
    """All routes of the catalogue, compiled."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self.root = Node()
        for function in functions:
            for route in function.routes:
                node = self.root
                for part in route.path.strip("/").split("/"):
                    node = node.child(part)
                node.methods[route.method] = (function, route)

    def find(self, path: str) -> tuple[Node, dict[str, str]] | None:
        """The node of a raw (percent-encoded) path and its decoded parameters, or None."""
        return descend(self.root, path.strip("/").split("/"))


def descend(node: Node, parts: list[str]) -> tuple[Node, dict[str, str]] | None:
    if not parts:
        return (node, {}) if node.methods else None
    first, rest = parts[0], parts[1:]
    if first in node.literals and (found := descend(node.literals[first], rest)):
        return found
    if first:
        for name, child in node.named.items():
            if found := descend(child, rest):
                return found[0], {name: unquote(first)} | found[1]
    for name, child in node.greedy.items():
        if any(parts):
            return child, {name: unquote("/".join(parts))}
    return None
