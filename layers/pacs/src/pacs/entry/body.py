"""The body of a request, in memory or in a file. Asked by those who take bodies that need not fit into memory.

Who calls a function may hand a large body over as a file: the event names it as `bodyFile`, and the caller removes
what is left of it when the function has answered. API Gateway takes no such bodies, and never does.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from fastapi import Request

PIECE_BYTES = 1 << 20
BODY_FILE = "bodyFile"


async def received_body(request: Request) -> bytes | Path:
    """The whole body; a file may be consumed."""
    file = (request.scope.get("aws.event") or {}).get(BODY_FILE)
    return Path(file) if file else await request.body()


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
