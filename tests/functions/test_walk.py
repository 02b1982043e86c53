"""Every route, asked by every role for what is of its own branch, of another branch, and of another organization.

What it answers is what the table of permissions says, what is somebody else's is not there, and no list, count or page
changes when others have something. Peers at the DICOM door: tests/gateway/test_query.py and test_move.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from functions.catalogue import FUNCTIONS
from functions.entries import Route, is_page
from pacs.people.permissions import ALLOWED, CLINICAL
from pacs.people.scope import LINKED, Role
from tests.functions.conftest import SAMPLES, Founded, opened, staffed
from tests.functions.places import GUARDED, ROLES, WIDE, Place, World, begin, body_of, name, path_of
from tests.portal.visits import show

PAGES = [
    route
    for each in FUNCTIONS
    for route in each.routes
    if is_page(each, route) and route.method == "GET" and route.action
]
DASHBOARDS = [each for each in PAGES if each.path in ("/dashboard", "/worklist")]
# One's own and nobody else's, whatever the branch.
PERSONAL = ("{dictation}", "{upload}", "{filter}", "{session}")
# Of a whole organization: another branch's are one's own.
COMMON = ("{template}", "{pool}", "{member}", "/worklist/turnaround", "/dicomweb/subscribers/")
# About the caller alone.
ONESELF = ("/auth/",)
NAMED_IN_BODIES = ("POST /api/launch", "POST /api/share")
# Where what is not there is an empty list.
LISTED = ("/series", "/instances", "/events")
# Of one showing of a page: a button of it that is pressed twice is pressed once.
PRESS = re.compile(rb'name="request_key" value="[^"]*"')


Looks = dict[tuple[str, str], tuple[int, bytes]]


@dataclass
class Seen:
    """The world, the others in it, and what each role was answered before there were others and after."""

    world: World
    others: dict[str, Place]
    before: Looks
    after: Looks


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, databases: Any, founded: Founded) -> Iterator[Seen]:
    with opened(tmp_path_factory.mktemp("world"), databases, staffed(databases, founded), founded[1]) as clinic:
        world = begin(clinic, (SAMPLES / "CT_small.dcm").read_bytes())
        before = look_around(world, ROLES, LOOKED_AT)
        others = {"organization": world.another_organization()}
        after = look_around(world, WIDE, LISTS)
        others["branch"] = world.another_branch()
        bound = [role for role in ROLES if role not in WIDE]
        yield Seen(world, others, before, after | look_around(world, bound, LISTS))


def ask(world: World, role: Any, route: Route, place: Place) -> Any:
    values = world.own.values | place.values
    return world.clinic.client.request(
        route.method,
        path_of(route, values),
        headers=world.bearer(role),
        json=body_of(route, values),
        follow_redirects=False,
    )


LOOKED_AT = [each for each in GUARDED if each.method == "GET" and not each.path.startswith(ONESELF)]
# What counts, or holds several.
LISTS = [
    each for each in LOOKED_AT if each.path.endswith(LISTED) or "{" not in each.path or "/studies/{code}" in each.path
]


def look_around(world: World, roles: Sequence[Role], routes: Sequence[Route]) -> Looks:
    """What each of the roles is answered about its own place."""
    looks: Looks = {}
    for role in roles:
        for route in routes:
            answer = ask(world, role, route, world.own)
            looks[role, name(route)] = answer.status_code, answer.content if answer.status_code < 400 else b""
        # An administrator's tells how long the queues are, which are everybody's.
        for route in DASHBOARDS if role in CLINICAL and role != "admin" else ():
            page = show(world.clinic, route.path, world.scope(role))
            looks[role, name(route)] = page.status_code, PRESS.sub(b"", page.content)
    return looks


@pytest.mark.parametrize("role", ROLES)
def test_one_s_own_is_there_as_if_nobody_else_were(seen: Seen, role: Any) -> None:
    wrong: list[Any] = []
    for route in LOOKED_AT:
        allowed = role in ALLOWED[route.action]  # type: ignore[index]
        status, content = seen.before[role, name(route)]
        expected = 403 if not allowed else 404 if is_hidden(role, route) else 200
        if status != expected or (status == 200 and not content):
            wrong.append((name(route), status, expected))
        if route in LISTS and (status, content) != seen.after[role, name(route)]:
            wrong.append((name(route), content, seen.after[role, name(route)][1]))
    for page in map(name, DASHBOARDS):
        if seen.before.get((role, page)) != seen.after.get((role, page)):
            wrong.append((page, seen.before[role, page], seen.after[role, page]))
    assert not wrong, "\n".join(map(str, wrong))


def is_hidden(role: Role, route: Route) -> bool:
    """Whether what stands in one's own place is not there for somebody who may ask for such things."""
    return (
        any(each in route.path for each in PERSONAL)
        or ("{report}" in route.path and role not in ALLOWED["reports.drafts"])  # nobody has signed it
        or ("{category}/{instance}" in route.path and role in LINKED)  # it is of no study
        or (route.path == "/worklist/filters" and role == "system")  # which is nobody
    )


@pytest.mark.parametrize("whose", ["branch", "organization"])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_somebody_else_s_is_not_there(seen: Seen, role: Any, whose: str) -> None:
    world, place, wrong = seen.world, seen.others[whose], []
    if whose == "branch" and role in WIDE:
        study = Route("GET", "/studies/{code}", "studies.read")
        assert ask(world, role, study, place).status_code == (200 if role in ALLOWED["studies.read"] else 403)
        return
    for route in GUARDED:
        if route.path.startswith(ONESELF) and "{" not in route.path:
            continue
        if whose == "branch" and any(each in route.path for each in COMMON):
            continue
        answer = ask(world, role, route, place)
        if not is_right(answer, role, route, place):
            wrong.append((name(route), answer.status_code, answer.content[:200]))
    assert not wrong, "\n".join(map(str, wrong))


def is_right(answer: Any, role: Any, route: Route, place: Place) -> bool:
    """Whether an answer to a stranger says nothing but what may be said."""
    status, content = answer.status_code, answer.content
    if name(route) == "POST /studies/assign" and status == 200:
        return bool(answer.json() == {"assigned": [], "left": [place.values["code"]]})
    if name(route) in NAMED_IN_BODIES:
        content = content.replace(place.values["study"].encode(), b"")  # whoever asked has said it
    if any(secret in content for secret in place.secrets):
        return False
    if role not in ALLOWED[route.action]:  # type: ignore[index]
        return bool(status == 403)
    if "{" not in route.path.replace("/{category}", "", 1) and name(route) not in NAMED_IN_BODIES:
        return status < 500 and status not in (401, 403)
    if route.path.endswith(LISTED) and status == 200:
        return route.method == "HEAD" or not any(answer.json() if isinstance(answer.json(), list) else [])
    # Nothing is stored into what cannot be seen; these bodies are no DICOM in the first place.
    return status == 404 or (status == 415 and route.action == "archive.store")


@pytest.mark.parametrize("role", ["radiologist", "share"])
def test_the_head_says_what_the_whole_would(seen: Seen, role: Any) -> None:
    for route in GUARDED:
        if route.method == "HEAD":
            status, _ = seen.before[role, name(route).replace("HEAD", "GET")]
            head = ask(seen.world, role, route, seen.world.own)
            assert (head.status_code, head.content) == (status, b""), name(route)


@pytest.mark.parametrize("role", ROLES)
def test_pages_tell_of_nobody_else(seen: Seen, role: Any) -> None:
    world, others = seen.world, seen.others
    for route in PAGES:
        path = path_of(route, world.own.values | others["organization"].values)
        answer = show(world.clinic, path, world.scope(role))
        assert answer.status_code < 500, route.path
        for place in [others["organization"]] if role in WIDE else others.values():
            assert not [secret for secret in place.secrets if secret in answer.content], route.path
