"""May the first 128 bytes of a file leave us as they came? Asked before an instance is stored.

They are nobody's: a file can be an instance and a program at once. Kept are those that make a TIFF of it, as
whole-slide scanners write them.

Source: PS3.10 §7.1 and §7.5
"""

PREAMBLE_BYTES = 128
HEAD_BYTES = 132
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_harmless(head: bytes) -> bool:
    """Whether the first 132 bytes have no preamble, an empty one or that of a TIFF."""
    if head[PREAMBLE_BYTES:] != b"DICM":
        return True
    return head.startswith(TIFF) or not any(head[:PREAMBLE_BYTES])
