"""What do lists and the desk tell of pre-reports by a mark or a banner? Called by pages, which know no models.

Those who cannot tell whether a model is right are shown nothing of what it says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.versions import VERIFIED

MARKS = text(
    "select study_instance_uid, count(*) as drafts, bool_or(critical) as critical from ai_report_drafts"
    " where organization_id = cast(:organization_id as uuid) and study_instance_uid = any(:studies)"
    " group by study_instance_uid"
)
CRITICAL = text(
    "select document from ai_report_drafts where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = :study and critical order by created_at desc, id limit 5"
)


def marks_of(services: Services, scope: Scope, studies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of studies that have pre-reports: how many, and whether one sees what is critical, until a report is verified."""
    if not studies or not may(scope, "ai.read"):
        return {}
    verified = {each["study_instance_uid"]: each["state"] in VERIFIED for each in studies}
    rows = services.database.fetch(MARKS, {"organization_id": scope.organization_id, "studies": [*verified]})
    return {
        row["study_instance_uid"]: {
            "drafts": row["drafts"],
            "critical": row["critical"] and not verified[row["study_instance_uid"]],
        }
        for row in rows
    }


def critical_of(services: Services, scope: Scope, study: Mapping[str, Any]) -> list[str]:
    """What models hold critical in a study, each finding once, until a human has verified its report."""
    if study["state"] in VERIFIED or not may(scope, "ai.read"):
        return []
    rows = services.database.fetch(CRITICAL, own(scope, study))
    return [*{each["finding"]: None for row in rows for each in row["document"]["critical_findings"]}]


def own(scope: Scope, study: Mapping[str, Any]) -> dict[str, str]:
    return {"organization_id": scope.organization_id, "study": study["study_instance_uid"]}
