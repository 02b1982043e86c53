"""How do the words of a machine come into the report of a human? As a version of its own, which the human goes on from.

Called by whoever has such words (`pacs.ai.taking`). What a machine brings is never signed and never final.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Services, Statements
from pacs.reading.work import written
from pacs.reporting.body import SECTIONS, Sections, checked, checked_language, plain
from pacs.reporting.differences import Change, differences
from pacs.reporting.drafts import CREATE, Report, described, find, find_study, hold, member_of, require_writable
from pacs.reporting.versions import Author, append

# Of several the one that is written at.
MINE = text(
    "select cast(id as text) as id from reports where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = :study and member_id = cast(:me as uuid) and state = 'draft'"
    " order by updated_at desc, id limit 1"
)


@dataclass(frozen=True)
class Brought:
    """The report as it is now, and section by section the words that came in."""

    report: Report
    differences: Mapping[str, list[Change]]


def bring_in(
    services: Services, statements: Statements, scope: Scope, code: str, sections: Sections, *, by: str, language: str
) -> Brought:
    """Put a machine's sections into one's own draft of a study that one has claimed; without a draft, begin one.

    Empty sections are filled, others keep what they say and get the machine's words behind it. The version that this
    makes is by the machine, called `by`. Raises NotFound, BadRequest (too long), Forbidden; Conflict when the study is
    claimed by somebody else, or by nobody.
    """
    study = find_study(statements, scope, code)["study_instance_uid"]
    member = member_of(statements, scope)
    written(services, statements, scope, study, "draft")
    now, mine = services.clock.now(), {"organization_id": scope.organization_id, "study": study, "me": member.id}
    rows = statements.fetch(MINE, mine)
    if rows:
        report = hold(statements, scope, rows[0]["id"])
        require_writable(scope, report)
        before: Sections = report["sections"]
    else:
        report = {
            "id": str(uuid.uuid4()),
            "organization_id": scope.organization_id,
            "study_instance_uid": study,
            "member_id": member.id,
            "machine": "",
            "language": checked_language(language),
        }
        statements.fetch(CREATE, {**report, "now": now})
        report |= {"version": 0, "digest": ""}
        before = {}
    after = checked(joined(before, sections))
    if after != before:
        append(statements, report, "draft", Author(None, by), after, now)
    made = find(statements, scope, report["id"])
    return Brought(described(statements, made), differences(before, after))


def joined(before: Sections, more: Sections) -> dict[str, str]:
    """Sections with a machine's behind them, unless they say that already."""
    return {name: behind(before.get(name, ""), more.get(name, "")) for name in SECTIONS}


def behind(before: str, more: str) -> str:
    if not plain(before):
        return more
    return before if not plain(more) or plain(more) in plain(before) else before + more
