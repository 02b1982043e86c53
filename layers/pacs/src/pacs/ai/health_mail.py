"""How is somebody told which providers work? As one e-mail, plain and as HTML, failures first. Called by `health_runs`.

It names providers and models, and neither addresses nor keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from zoneinfo import ZoneInfo

from pacs.ai.health import HealthCheck
from pacs.ai.providers import PROVIDERS

CELL = 'style="padding:4px 10px;border-bottom:1px solid #ccc;text-align:left"'
HEADS = ("Provider", "Model", "Asked with", "Result", "Time", "Cost")
WORKS = "works"


@dataclass(frozen=True)
class Report:
    subject: str
    text: str
    html: str


def report(organization: str, checks: Sequence[HealthCheck], orchestrator: HealthCheck, zone: ZoneInfo) -> Report:
    """The e-mail about one run of an organization; the orchestrator's model is who makes drafts now."""
    failing = {each.provider for each in checks if each.failure}
    counted = len({each.provider for each in checks})
    subject = subject_of(len(failing), counted)
    rows = [row(each) for each in sorted(checks, key=lambda each: (each.provider not in failing, not each.failure))]
    organization = " ".join(organization.split())
    said = f"{organization}, {orchestrator.checked_at.astimezone(zone):%d.%m.%Y %H:%M}: {subject}."
    now = f"The orchestrator asks {label(orchestrator.model)} first now."
    if orchestrator.failure:
        now = f"The orchestrator asks nobody now: {orchestrator.failure}."
    return Report(f"{organization}: {subject}", as_text(said, now, rows), as_html(said, now, rows))


def subject_of(failing: int, counted: int) -> str:
    if failing:
        return f"{failing} of {counted} AI providers {'fails' if failing == 1 else 'fail'}"
    return "the one AI provider works" if counted == 1 else f"all {counted} AI providers work"


def row(each: HealthCheck) -> tuple[str, ...]:
    cost = "unknown" if each.cost is None else f"${each.cost:.6f}"
    return label(each.provider), each.model, each.kind, each.failure or WORKS, f"{each.latency_ms} ms", cost


def label(provider: str) -> str:
    return PROVIDERS[provider].label if provider in PROVIDERS else provider


def as_text(said: str, now: str, rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"- {name} ({model}), {kind}: {result}; {time}, {cost}" for name, model, kind, result, time, cost in rows]
    return "\n".join([said, now, "", *lines, ""])


def as_html(said: str, now: str, rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th {CELL}>{each}</th>" for each in HEADS)
    body = "".join(line(each) for each in rows)
    table = f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>'
    return f'<!doctype html><html lang="en"><body><p>{escape(said)}</p><p>{escape(now)}</p>{table}</body></html>'


def line(cells: Sequence[str]) -> str:
    told = "".join(f"<td {CELL}>{escape(each)}</td>" for each in cells)
    return f"<tr>{told}</tr>" if cells[3] == WORKS else f'<tr style="color:#b00020;font-weight:bold">{told}</tr>'
