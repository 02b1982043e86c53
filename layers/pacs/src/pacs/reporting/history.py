"""What became of a report: its versions, whether their chain holds, and what changed from one to another.

Called by functions/reports. Whoever sees verified reports only is told of their signed versions only.
"""

from typing import Any

from pacs.errors import NotFound
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.differences import differences
from pacs.reporting.drafts import find
from pacs.reporting.versions import Version, is_intact, versions_of

TOLD = ("number", "kind", "member_id", "author", "at", "digest", "previous", "code", "proof")


def read_history(
    services: Services, scope: Scope, report_id: str, *, before: int | None = None, after: int | None = None
) -> dict[str, Any]:
    """The versions of a report, whether all of them are what was written (`intact`), and the words that changed.

    `before` and `after` are numbers of versions; without them the last one is compared with the one before. Raises
    NotFound.
    """
    report = find(services.database, scope, report_id)
    versions = versions_of(services.database, report_id)
    own = report["member_id"] == scope.member_id and bool(scope.member_id)
    seen = [each for each in versions if each.signed or own or may(scope, "reports.drafts")]
    new = numbered(seen, after) if after is not None else seen[-1]
    earlier = [each for each in seen if each.number < new.number]
    old = numbered(seen, before) if before is not None else (earlier[-1] if earlier else None)
    return {
        "id": report["id"],
        "intact": is_intact(report, versions),
        "versions": [{name: getattr(each, name) for name in TOLD} for each in seen],
        "before": old.number if old else 0,
        "after": new.number,
        "changes": differences(old.sections if old else {}, new.sections),
    }


def numbered(versions: list[Version], number: int) -> Version:
    for each in versions:
        if each.number == number:
            return each
    raise NotFound(f"there is no version {number}", field="version")
