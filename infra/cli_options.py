"""What all commands of `pacs` have in common: --json, and times as people write them. Used by infra/cli*.py alone."""

import sys
from typing import Annotated, Any

import orjson
import typer

from pacs.errors import BadRequest

DAY_S = 24 * 3600
TTL_MAX_S = 7 * DAY_S

Json = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON document instead of text.")]


def show(document: Any) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def parse_ttl(text: str, *, longest_s: int = TTL_MAX_S) -> int:
    """`90s`, `30m`, `8h`, `2d` or plain seconds, as seconds. Raises BadRequest."""
    units = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) * units[unit] <= longest_s):
        longest = f"{longest_s // DAY_S}d"
        raise BadRequest(f"{text!r} is no time between 1s and {longest}: say it like 30m, 8h or 2d", field="ttl_s")
    return int(number) * units[unit]
