"""What stands beside the samples in a compressed frame: comments, Exif, whatever an application put there.

Asked by the archive for scopes with privacy, whose frames are the same picture without it.

Source: ISO/IEC 10918-1 §B.2, ISO/IEC 15444-1 §A.2
"""

from pacs.errors import UndecodablePixels

PREFIX = "1.2.840.10008.1.2.4."
JPEG = frozenset(f"{PREFIX}{number}" for number in (*range(50, 67), 70, 80, 81))
JPEG_2000 = frozenset(f"{PREFIX}{number}" for number in (90, 91, 92, 93, 201, 202, 203))
SOI, EOI, SOS, COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
ADOBE = 0xEE  # tells in which colours the samples are
APPLICATION = range(0xE0, 0xF0)
SOC, SOT, JPEG_2000_COMMENT = 0x4F, 0x90, 0x64


def without_comments(frame: bytes, transfer_syntax_uid: str) -> bytes:
    """The codestream of a frame, which decodes to the same samples. Raises UndecodablePixels when it is none.

    A frame that is not compressed, or has no room for comments, stays as it is.
    """
    if transfer_syntax_uid in JPEG:
        return jpeg_without_comments(frame)
    if transfer_syntax_uid in JPEG_2000:
        return jpeg_2000_without_comments(frame)
    return frame


def jpeg_without_comments(frame: bytes) -> bytes:
    """No comment, no segment of an application but the one that tells of colours, nothing behind the end."""
    if frame[:2] != bytes((0xFF, SOI)):
        raise UndecodablePixels("the frame is no JPEG codestream")
    kept, position = [frame[:2]], 2
    while position + 4 <= len(frame):
        if frame[position] != 0xFF:
            raise UndecodablePixels("the frame is no JPEG codestream")
        marker = frame[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == EOI:
            break
        end = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
        if marker == SOS:
            end = end_of_scan(frame, end)
        if marker != COMMENT and (marker not in APPLICATION or marker == ADOBE):
            kept.append(frame[position:end])
        position = end
    return b"".join((*kept, bytes((0xFF, EOI))))


def end_of_scan(frame: bytes, position: int) -> int:
    """Where the next marker stands behind entropy-coded data; restart markers and stuffed bytes belong to it.

    In JPEG-LS a byte below 0x80 behind 0xFF is data. Source: ISO/IEC 14495-1 §A.1
    """
    while True:
        position = frame.find(b"\xff", position)
        if position < 0 or position + 1 >= len(frame):
            return len(frame)
        following = frame[position + 1]
        if following >= 0x80 and following != 0xFF and not 0xD0 <= following <= 0xD7:
            return position
        position += 1 if following == 0xFF else 2


def jpeg_2000_without_comments(frame: bytes) -> bytes:
    """The codestream alone, not the boxes of a file around it, and no comment in its main header."""
    start = frame.find(bytes((0xFF, SOC, 0xFF, 0x51)))
    end = frame.rfind(bytes((0xFF, EOI)))
    if start < 0:
        raise UndecodablePixels("the frame is no JPEG 2000 codestream")
    kept, position = [frame[start : start + 2]], start + 2
    while position + 4 <= len(frame) and frame[position] == 0xFF and frame[position + 1] != SOT:
        following = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
        if frame[position + 1] != JPEG_2000_COMMENT:
            kept.append(frame[position:following])
        position = following
    kept.append(frame[position : end + 2] if end >= position else frame[position:])
    return b"".join(kept)
