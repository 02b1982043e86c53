"""The body of a request, in memory or in a file. Asked by those who take bodies that need not fit into memory.

Who calls a function may hand a large body over beside the event's own, without making text of it: as `bodyBytes`, or
as a file that the event names as `bodyFile`, of which the caller removes what is left when the function has answered.
API Gateway does neither.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from fastapi import Request

PIECE_BYTES = 1 << 20
BODY_FILE = "bodyFile"
BODY_BYTES = "bodyBytes"


async def received_body(request: Request) -> bytes | Path:
    """The whole body; a file may be consumed."""
    event = request.scope.get("aws.event") or {}
    if BODY_FILE in event:
        return Path(event[BODY_FILE])
    handed_over: bytes = event.get(BODY_BYTES, b"")
    return handed_over or await request.body()


def body_pieces(body: bytes | Path) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    with body.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def spool_beside(body: bytes | Path) -> Path:
    """The folder in which files can be made of a body's parts: on the same disk as the body."""
    return Path(gettempdir()) if isinstance(body, bytes) else body.parent
