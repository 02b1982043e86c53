"""What changed between two versions of a report, word by word. Pure; called by reporting.history."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

from pacs.reporting.body import SECTIONS, Sections, plain

Change = tuple[Literal["same", "removed", "added"], str]
# The end of a line is no part of its last word: that stays when a line is added below it.
WORD = re.compile(r"\S+[^\S\n]*|\s+")


def differences(before: Sections, after: Sections) -> dict[str, list[Change]]:
    """The sections that changed, each as its text in pieces that stayed, went and came."""
    pairs = {name: (plain(before.get(name, "")), plain(after.get(name, ""))) for name in SECTIONS}
    return {name: list(changes(old, new)) for name, (old, new) in pairs.items() if old != new}


def changes(before: str, after: str) -> Iterator[Change]:
    """Pieces of two texts in their order; those that are the same or removed make the one, the others the other."""
    old, new = WORD.findall(before), WORD.findall(after)
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[start:end])
            continue
        if end > start:
            yield "removed", "".join(old[start:end])
        if new_end > new_start:
            yield "added", "".join(new[new_start:new_end])
