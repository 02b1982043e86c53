"""How does an organization work with report jobs? Its usage by month, member and key, and how far its onboarding is.

Called by functions/pages. Months begin at midnight UTC, as those of credits do.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from pacs.dictation.jobs import is_uuid
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.portal.credits import months_until
from pacs.portal.language import marked
from pacs.ports import Rows, Statements
from pacs.reporting.credits import month_of

# What an integrator's client tells of a recording with two exams.
EXAMPLE = json.dumps(
    {
        "patientName": "Deneme Hasta",
        "exams": [
            {"accessionNumber": "ACC-001", "sutCode": "803910"},
            {"accessionNumber": "ACC-002", "sutCode": "804102"},
        ],
        "inputLang": "tr",
        "outputLang": "tr",
    },
    indent=2,
)
OWN = "organization_id = cast(:organization_id as uuid)"
MONTHS = text(
    "select cast(cast(date_trunc('month', created_at at time zone 'UTC') as date) as text) as month,"  # noqa: S608
    " count(*) as jobs, cast(sum(exam_count) as bigint) as exams, cast(sum(credits_used) as bigint) as reports,"
    " sum(audio_seconds) as seconds, count(*) filter (where status = 'failed') as failed"
    f" from report_jobs where {OWN} and created_at >= :begins group by 1"
)
IN_MONTH = f"j.{OWN} and j.created_at >= :begins and j.created_at < :ends"
BY_MEMBER = text(
    "select m.email, m.name, count(*) as jobs, cast(sum(j.exam_count) as bigint) as exams,"  # noqa: S608
    " cast(sum(j.credits_used) as bigint) as reports from report_jobs j join organization_members m"
    f" on m.id = j.member_id where {IN_MONTH} group by m.id order by reports desc, lower(m.email) limit 100"
)
BY_KEY = text(
    "select k.name, k.prefix, m.email, k.revoked_at is not null as revoked, coalesce(u.calls, 0) as calls,"  # noqa: S608
    " coalesce(j.jobs, 0) as jobs, coalesce(j.reports, 0) as reports from api_keys k"
    " join organization_members m on m.id = k.member_id"
    " left join lateral (select cast(sum(calls) as bigint) as calls from api_key_usage where key_id = k.id"
    " and day >= cast(:first as date) and day < cast(:next as date)) u on true"
    " left join (select j.key_id, count(*) as jobs, cast(sum(j.credits_used) as bigint) as reports"
    f" from report_jobs j where {IN_MONTH} group by j.key_id) j on j.key_id = k.id"
    f" where k.{OWN} and (k.revoked_at is null or u.calls > 0) order by reports desc, calls desc, lower(k.name), k.id"
    " limit 100"
)
STANDING = text(
    "select o.name,"  # noqa: S608
    " (select count(*) from organization_members m where m.organization_id = o.id and m.disabled_at is null)"
    " as members,"
    " exists (select from organization_members m join sessions s on s.member_id = m.id where m.organization_id = o.id"
    " and m.role in ('centre', 'technician', 'radiologist')) as signed_in,"
    " exists (select from organization_members m where m.organization_id = o.id and m.disabled_at is null"
    " and m.role in ('centre', 'technician', 'radiologist')) as staffed,"
    " (select count(*) from api_keys k where k.organization_id = o.id and k.revoked_at is null"
    " and (k.expires_at is null or k.expires_at > :now)) as keys,"
    " exists (select from callback_deliveries d where d.organization_id = o.id"
    " and d.outcome = 'delivered') as called_back,"
    " exists (select from report_jobs j where j.organization_id = o.id and j.status = 'completed'"
    " and j.key_id is not null) as piloted"
    f" from organizations o where o.{OWN.replace('organization_id', 'id', 1)}"
)


@dataclass(frozen=True)
class Month:
    """What the jobs of a month were: exams that were asked for, reports that came out right, minutes of recordings."""

    begins: date
    jobs: int = 0
    exams: int = 0
    reports: int = 0
    minutes: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Step:
    """One step of the onboarding, where it is taken, and whether it has been. Who may not go there is shown no link."""

    name: str
    told: str
    path: str
    action: str
    done: bool


def months(statements: Statements, scope: Scope, now: datetime) -> list[Month]:
    """The last twelve months, that of now last."""
    wanted = months_until(now)[::-1]
    begins, _ = month_of(wanted[0].year, wanted[0].month)
    rows = statements.fetch(MONTHS, {"organization_id": scope.organization_id, "begins": begins})
    found = {row["month"]: row for row in rows}
    return [Month(each) if str(each) not in found else read_month(each, found[str(each)]) for each in wanted]


def read_month(begins: date, row: Any) -> Month:
    minutes = round(float(row["seconds"]) / 60)
    return Month(begins, row["jobs"], row["exams"], row["reports"], minutes, row["failed"])


def usage_by_member(statements: Statements, scope: Scope, month: date) -> Rows:
    """`email`, `name`, `jobs`, `exams` and `reports` of a month, those with the most reports first."""
    return statements.fetch(BY_MEMBER, period(scope, month))


def usage_by_key(statements: Statements, scope: Scope, month: date) -> Rows:
    """`name`, `prefix`, `email`, `revoked`, `calls`, `jobs` and `reports` of a month."""
    begins, ends = month_of(month.year, month.month)
    days = {"first": begins.date().isoformat(), "next": ends.date().isoformat()}
    return statements.fetch(BY_KEY, period(scope, month) | days)


def period(scope: Scope, month: date) -> dict[str, Any]:
    begins, ends = month_of(month.year, month.month)
    return {"organization_id": scope.organization_id, "begins": begins, "ends": ends}


def standing(statements: Statements, scope: Scope, now: datetime) -> dict[str, Any]:
    """The `name` of the organization, how many `members` and `keys` it has, and what it has done so far."""
    [row] = statements.fetch(STANDING, {"organization_id": scope.organization_id, "now": now})
    return dict(row)


def onboarding(found: dict[str, Any]) -> list[Step]:
    """The six steps, each done when the archive can see that it was."""
    return [
        Step(marked("Create the institutional account"), marked("The organization is there."), "", "", True),
        Step(
            marked("Use the corporate login"),
            marked("Somebody of a centre has come in by the corporate door."),
            "/corporate/login",
            "organization.read",
            found["signed_in"],
        ),
        Step(
            marked("Add members"),
            marked("Radiologists, technicians and people of centres have accounts."),
            "/admin/members",
            "organization.manage",
            found["staffed"],
        ),
        Step(
            marked("Make the API key"),
            marked("There is a key that the people of HBYS or PACS work with."),
            "/keys",
            "api_keys.manage",
            found["keys"] > 0,
        ),
        Step(
            marked("Set up callbacks"),
            marked("A result was delivered to an https address, and its signature is checked there."),
            "/organization/callbacks",
            "organization.read",
            found["called_back"],
        ),
        Step(
            marked("Try it before rollout"),
            marked("A job that came by a key has been completed."),
            "/organization/try",
            "api_keys.manage",
            found["piloted"],
        ),
    ]


def job_named(name: str) -> str:
    """The identifier of a job, or nothing. Raises NotFound for what cannot be one."""
    if name and not is_uuid(name.strip()):
        raise NotFound("there is no such job", field="job")
    return name.strip().lower()
