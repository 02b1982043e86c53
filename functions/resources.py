"""Which resources API Gateway has: no more than tell functions, and what is public, from one another.

A function knows its own routes. Where all below a path are of one function and ask alike for a token, two resources
stand for them: the path, and everything below it (`{path+}`). Read by infra/stacks/api.py, and by the authorizer, which
hears the path of a resource and looks for the route in the function behind it.
Source: API Gateway Developer Guide, "Amazon API Gateway quotas": 300 resources; CloudFormation takes 500 of any kind.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from functions.entries import Function, Route
from functions.routing import Node, Routes

REST = "{path+}"

Answering = tuple[Function, Route]
Owner = tuple[str, bool]


@dataclass(frozen=True)
class Resource:
    method: str  # ANY: whatever the function makes of it
    path: str
    function: str
    public: bool


def laid_out(functions: Iterable[Function]) -> tuple[Resource, ...]:
    """The resources of some functions, each path above what is below it."""
    return tuple(standing(Routes(functions).root, ""))


def standing(node: Node, path: str) -> Iterator[Resource]:
    """What is at a node and below it."""
    yield from answering(node.methods.values(), path or "/")
    children = {
        **node.literals,
        **{f"{{{name}}}": child for name, child in node.named.items()},
        **{f"{{{name}+}}": child for name, child in node.greedy.items()},
    }
    together = swallowed(children)
    yield from answering([each for part in together for each in below(children[part])], f"{path}/{REST}")
    for part, child in children.items():
        if part not in together:
            yield from standing(child, f"{path}/{part}")


def answering(routes: Iterable[Answering], path: str) -> Iterator[Resource]:
    """One resource for all methods of one owner, and one for OPTIONS, which another function may answer."""
    routes = list(routes)
    asked = [(each, route) for each, route in routes if route.method != "OPTIONS"]
    if len(owners(routes)) == 1:
        [(name, public)] = owners(routes)
        yield Resource("ANY", path, name, public)
    else:
        yield from (Resource(route.method, path, each.name, route.public) for each, route in asked)
    for name in {each.name for each, route in routes if route.method == "OPTIONS"}:
        yield Resource("OPTIONS", path, name, public=True)


def swallowed(children: dict[str, Node]) -> list[str]:
    """The children for whom one greedy resource stands: all of one owner, of whom there are most.

    A greedy part and a `{name}` cannot stand side by side in API Gateway: where there is a `{name}`, its owner counts.
    """
    whose = {part: owners(below(child)) for part, child in children.items()}
    variable = [owner for part, owner in whose.items() if part.startswith("{")]
    alike = Counter(next(iter(each)) for each in variable or whose.values() if len(each) == 1)
    if not alike or (variable and alike.total() != len(variable)) or (variable and len(alike) > 1):
        return []
    [(owner, _)] = alike.most_common(1)
    together = [part for part, each in whose.items() if each == {owner}]
    return together if sum(nodes(children[part]) for part in together) > 1 else []


def owners(routes: Iterable[Answering]) -> set[Owner]:
    return {(each.name, route.public) for each, route in routes if route.method != "OPTIONS"}


def below(node: Node) -> list[Answering]:
    """All routes at a node and below it."""
    return [*node.methods.values(), *(each for child in children_of(node) for each in below(child))]


def nodes(node: Node) -> int:
    return 1 + sum(map(nodes, children_of(node)))


def children_of(node: Node) -> list[Node]:
    return [*node.literals.values(), *node.named.values(), *node.greedy.values()]
