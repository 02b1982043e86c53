"""What an entry of the catalogue is made of: a function with its routes, queues, schedules and grants. Stdlib only."""

from dataclasses import dataclass
from typing import Literal

Layer = Literal["pacs", "codecs", "documents"]
# On originals, `delete` keeps the older versions; `purge` removes those.
# Of a queue, `watch` counts what waits; `redrive` lists what was given up and puts it back to work.
Access = Literal["read", "write", "delete", "purge", "send", "watch", "redrive", "start", "use"]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    action: str = ""  # what the authorizer asks of the token, in the words of pacs.people.permissions
    public: bool = False  # no token asked by the authorizer; the handler checks its own, and a page its action
    streamed: bool = False  # on one machine: takes bodies larger than API Gateway does, as files
    most_mib: int = 0  # of a streamed one: a longer body is cut off a byte behind that, and the function refuses it


@dataclass(frozen=True)
class Source:
    """A queue that feeds a function. SQS visibility is six times the function's timeout."""

    queue: str
    batch_size: int
    window_s: int = 0
    max_receives: int = 5
    workers: int = 1  # processes on one machine; 0: a thread of the scheduler, for what takes little
    niceness: int = 0  # on one machine: how far they stand back for those who receive and answer


@dataclass(frozen=True)
class Schedule:
    name: str
    cron: str  # minute hour day-of-month month day-of-week, in UTC; five fields
    detail: str  # handed to the handler as {"task": detail}
    after_boot: bool = False  # on one machine also when it has booted: a power failure may have lost events


@dataclass(frozen=True)
class Grant:
    # store:<name> | database | queue:<name> | topic:<name> | workflow:<name> | secret:<name> | vault | mail | models
    resource: str
    access: tuple[Access, ...]


@dataclass(frozen=True)
class Function:
    name: str
    summary: str
    routes: tuple[Route, ...] = ()
    sources: tuple[Source, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    grants: tuple[Grant, ...] = ()
    layers: tuple[Layer, ...] = ("pacs",)
    memory_mib: int = 512
    timeout_s: int = 29


@dataclass(frozen=True)
class Topic:
    name: str
    subscribers: tuple[str, ...]  # queues


@dataclass(frozen=True)
class StateMachine:
    name: str
    summary: str
    definition: str  # file of Amazon States Language below functions/; `${name}` stands for a function's address
    functions: tuple[str, ...]  # those that do its tasks


def is_page(function: Function, route: Route) -> bool:
    """Whether a route is for people in a browser; those ask for the session and its action themselves."""
    return function.name == "pages" or (route.public and route.path.startswith(("/admin/", "/viewer/")))


def delete_routes(path: str) -> tuple[Route, ...]:
    """Deleting, and bringing back."""
    return (Route("DELETE", path, "archive.delete"), Route("POST", path + "/undelete", "archive.delete"))


def read_routes(path: str, action: str) -> tuple[Route, ...]:
    """GET, and HEAD for those who ask first."""
    return (Route("GET", path, action), Route("HEAD", path, action))


def retrieve_routes(path: str) -> tuple[Route, ...]:
    return read_routes(path, "archive.retrieve")


def asked(action: str, *calls: str) -> tuple[Route, ...]:
    """Routes that ask for one action, each as method and path."""
    return tuple(Route(method, path, action) for method, path in (call.split() for call in calls))


def pages(method: str, action: str, *paths: str) -> tuple[Route, ...]:
    """Pages of an action. Public to the gateway, whose refusals are JSON; the handler asks the table itself."""
    return tuple(Route(method, path, action, public=True) for path in paths)
