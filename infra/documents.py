"""The tables in docs/ that are made from code, for `cog`. `make check` compares them."""

from collections.abc import Sequence
from dataclasses import fields

from functions.catalogue import FUNCTIONS
from gateway_scp.settings import GatewaySettings
from pacs.errors import ANSWERS, UNKNOWN
from pacs.settings import variable_name


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def settings_table() -> str:
    # GatewaySettings has every field of Settings, and then its own.
    rows = []
    for each in fields(GatewaySettings):
        default = int(each.default) if isinstance(each.default, bool) else each.default
        shown = f"`{default}` {each.metadata['unit']}".strip() if str(default) else "(empty)"
        rows.append([f"`{variable_name(each.name)}`", shown, each.metadata["help"]])
    return table(("Variable", "Default", "Meaning"), rows)


def routes_table() -> str:
    rows = [
        [route.method, f"`{route.path}`", f"`{function.name}`", "no token" if route.public else ""]
        for function in FUNCTIONS
        for route in function.routes
    ]
    return table(("Method", "Path", "Function", ""), rows)


def errors_table() -> str:
    answers = [*ANSWERS.values(), UNKNOWN]
    rows = [[f"`{each.code}`", str(each.http_status), f"0x{each.dimse_status:04X}"] for each in answers]
    return table(("Code", "HTTP", "DIMSE"), rows)
