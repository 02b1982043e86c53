"""Which function answers a method and a path: a literal part wins over `{name}`, and that over the greedy `{name+}`.

So API Gateway chooses, and FastAPI inside a function. Asked by the authorizer, by the gateway of one machine, and where
API Gateway's resources are laid out. What is compared is the decoded path, as it is inside a function: a slash that was
written as %2F parts there, too.
Source: API Gateway Developer Guide, "Amazon API Gateway resources".
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
    """The routes of some functions, compiled."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self.root = Node()
        for function in functions:
            for route in function.routes:
                node = self.root
                for part in parts_of(route.path):
                    node = node.child(part)
                node.methods[route.method] = (function, route)

    def match(self, method: str, path: str) -> Match | None:
        """Who answers a method at a raw (percent-encoded) path, and the decoded parameters."""
        found = descend(self.root, parts_of(unquote(path)), method)
        return Match(*found[0].methods[method], found[1]) if found else None

    def methods(self, path: str) -> Mapping[str, tuple[Function, Route]]:
        """What may be asked at a raw path: nothing where there is nothing."""
        found = descend(self.root, parts_of(unquote(path)))
        return found[0].methods if found else {}


def parts_of(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []


def descend(node: Node, parts: list[str], method: str = "") -> tuple[Node, dict[str, str]] | None:
    """The node of these parts, the best that takes the method when one is named."""
    if not parts:
        answers = method in node.methods if method else bool(node.methods)
        return (node, {}) if answers else None
    first, rest = parts[0], parts[1:]
    if first in node.literals and (found := descend(node.literals[first], rest, method)):
        return found
    if first:
        for name, child in node.named.items():
            if found := descend(child, rest, method):
                return found[0], {name: first} | found[1]
    for name, child in node.greedy.items():
        if any(parts) and (found := descend(child, [], method)):
            return found[0], {name: "/".join(parts)}
    return None
