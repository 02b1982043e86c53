"""The states of a study's work, and what leads from one to another. Pure; called by reading.work.

    received ──assign──▶ assigned ──claim──▶ claimed ──▶ draft ──▶ preliminary ──▶ final ──▶ addendum
        └────────────────claim────────────────▲ └──release──▶ assigned or received

Reports move a study on from `claimed`; a draft may be signed at once, and a preliminary report goes back to a draft.
"""

from typing import Literal, get_args

State = Literal["received", "assigned", "claimed", "draft", "preliminary", "final", "addendum"]
STATES: tuple[State, ...] = get_args(State)
# What is still to be done, and what a centre waits for.
OPEN: tuple[State, ...] = ("received", "assigned", "claimed", "draft", "preliminary")
UNCLAIMED: tuple[State, ...] = ("received", "assigned")
RELEASABLE: tuple[State, ...] = ("claimed", "draft")

Written = Literal["draft", "preliminary", "final", "addendum"]
# From where a report leads to a state.
BEFORE: dict[Written, tuple[State, ...]] = {
    "draft": ("claimed", "draft", "preliminary"),
    "preliminary": ("claimed", "draft", "preliminary"),
    "final": ("claimed", "draft", "preliminary"),
    "addendum": ("final", "addendum"),
}
# From where others than the one who claimed the study may lead on: who verifies need not be who wrote.
ANYBODYS: tuple[State, ...] = ("preliminary", "final", "addendum")
