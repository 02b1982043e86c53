"""A form with files, as browsers and curl send it. The files need not fit into memory.

Used by functions/studies, and on one machine by the edge for what is sent straight to a store.

Source: RFC 7578
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi import Request

from pacs.dicomweb.media import parse_content_type
from pacs.dicomweb.multipart import ReceivedPart, read_parts
from pacs.entry.body import body_pieces
from pacs.errors import BadRequest, UnsupportedMediaType

FORM = "multipart/form-data"
MOST_PARTS = 5000
LONGEST_FIELD = 64 * 1024
# .NET leaves the quotes out.
PARAMETER = re.compile(r';\s*(name|filename)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)

Files = list[tuple[str, bytes | Path]]


def read_form(request: Request, body: bytes | Path, folder: Path) -> tuple[dict[str, str], Files]:
    """The fields of a form, and its files with their names, the large ones in the folder.

    Raises UnsupportedMediaType for what is no such form, BadRequest.
    """
    fields: dict[str, str] = {}
    files: Files = []
    for told, part in form_parts(request.headers.get("content-type"), body, folder):
        if "filename" in told:
            if part.body:  # an empty field for files is none
                files.append((told["filename"], part.body))
        elif name := told.get("name", ""):
            fields[name] = text_of(name, part)
    return fields, files


def form_parts(
    content_type: str | None, body: bytes | Path, folder: Path
) -> Iterator[tuple[dict[str, str], ReceivedPart]]:
    """Each part of a form with its `name`, and its `filename` if it is a file; large ones are files in the folder.

    Raises UnsupportedMediaType for what is no such form, BadRequest.
    """
    parsed = parse_content_type(content_type)
    if parsed.media_type != FORM:
        raise UnsupportedMediaType(f"{FORM} is taken here", field="Content-Type")
    boundary = parsed.parameters.get("boundary", "")
    for number, part in enumerate(read_parts(body_pieces(body), boundary, spool=folder)):
        if number >= MOST_PARTS:
            raise BadRequest(f"a form has at most {MOST_PARTS} parts", field="files")
        told = PARAMETER.findall(part.headers.get("content-disposition", ""))
        yield {name.lower(): quoted or plain for name, quoted, plain in told}, part


def text_of(name: str, part: ReceivedPart) -> str:
    if isinstance(part.body, Path) or len(part.body) > LONGEST_FIELD:
        raise BadRequest("the field is too long", field=name)
    try:
        return part.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("the field is no UTF-8", field=name) from error
