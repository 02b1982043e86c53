"""What is read of an answer that consists of bytes and of spans of originals. Called by entry.answers."""

from collections.abc import Iterable

from pacs.objects import Piece, Span
from pacs.ports import ObjectStore


def read_pieces(originals: ObjectStore, pieces: Iterable[Piece], offset: int, length: int) -> bytes:
    """A range of what pieces make up together. Raises ObjectNotFound, BeingReplaced, StoreUnavailable."""
    found = []
    for piece in pieces:
        taken = min(len(piece) - offset, length)
        if taken > 0:
            found.append(read_piece(originals, piece, offset, taken))
            length -= taken
        offset = max(offset - len(piece), 0)
    return b"".join(found)


def read_piece(originals: ObjectStore, piece: Piece, offset: int, length: int) -> bytes:
    """A range of one piece, at least a byte of it."""
    if not isinstance(piece, Span):
        return piece[offset : offset + length]
    start = piece.offset + offset
    if start == 0:
        info, found = originals.read_start(piece.key, length)
    else:
        info, found = originals.head(piece.key), originals.read(piece.key, start, length)
    piece.require(info.metadata)
    return found
