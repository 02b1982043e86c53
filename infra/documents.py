"""The tables in docs/ that are made from code, for `cog`. `make check` compares them."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

import typer.main

from functions.catalogue import FUNCTIONS
from gateway_scp.settings import GatewaySettings
from infra.cli import app
from pacs.ai.providers import PROVIDERS
from pacs.errors import ANSWERS, UNKNOWN
from pacs.people.permissions import ACTIONS, ALLOWED
from pacs.people.scope import MemberRole
from pacs.settings import variable_name
from pacs.worklist.keys import KEYS


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
        [route.method, f"`{route.path}`", f"`{function.name}`", f"`{route.action}`" if route.action else "no token"]
        for function in FUNCTIONS
        for route in function.routes
    ]
    return table(("Method", "Path", "Function", "Action"), rows)


def permissions_table() -> str:
    """Which role may do what, a row for each action."""
    holders = (*get_args(MemberRole), "manager", "importer", "enrolling", "launch", "share", "share-download", "system")
    rows = [[f"`{action}`", *("yes" if each in ALLOWED[action] else "" for each in holders)] for action in ACTIONS]
    return table(("Action", *holders), rows)


def worklist_keys_table() -> str:
    return table(("Key", "Tag"), [[f"`{each.path}`", f"`{each.tags}`"] for each in KEYS])


def providers_table() -> str:
    """Whom one can ask for pre-reports, and what each can do."""
    every = max((each.languages for each in PROVIDERS.values()), key=len)
    rows = [
        [
            f"`{each.name}`",
            each.shape,
            f"{each.most_images}, {each.most_px} px" if each.vision else "none",
            ", ".join(f"`{form}`" for form in each.formats) if each.shape != "mock" else "",
            "all" if each.languages == every else ", ".join(each.languages),
            ", ".join(each.needs) or "nothing",
            f"{each.thinking_tokens:,}" if each.thinking_tokens else "",
            f"{each.patience_s:g} s" if each.patience_s else "",
        ]
        for each in PROVIDERS.values()
    ]
    heads = ("Provider", "Shape", "Images, longest side", "Schema", "Languages", "Needs", "Thinks", "Waits")
    return table(heads, rows)


def errors_table() -> str:
    answers = [*ANSWERS.values(), UNKNOWN]
    rows = [[f"`{each.code}`", str(each.http_status), f"0x{each.dimse_status:04X}"] for each in answers]
    return table(("Code", "HTTP", "DIMSE"), rows)


def commands_text() -> str:
    """Every command of `pacs` with what its --help says."""
    return "".join(command_text(name, command) for name, command in commands().items()) + "\n"


def commands() -> dict[str, Any]:
    """Every command by its name; those of a group by both names."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}": one for each, one in inner.items()} if inner else {name: command}
    return found


def command_text(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    given = {each.metavar: f"{each.metavar}…" if each.nargs == -1 else each.metavar for each in arguments}
    usage = " ".join(["pacs", name, *given.values(), "[OPTIONS]"])
    rows = [[f"`{given[each.metavar]}`", "", each.help] for each in arguments]
    rows += [
        [f"`{' '.join([each.opts[0], each.metavar]).strip()}`", f"`{each.default}`" if each.default else "", each.help]
        for each in options
    ]
    return (
        f"\n## `{usage}`\n\n{command.help.strip()}\n{table(('Option', 'Default', 'Meaning'), rows)}".rstrip("\n") + "\n"
    )
