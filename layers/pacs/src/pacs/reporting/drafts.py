"""Drafts: reports that are being written. Called by functions/reports and, for machines, by whoever runs them.

A study has several, of humans and machines; whoever claimed it writes its own. Who may see what: `visible`.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.errors import Conflict, Forbidden, NotFound
from pacs.people.audit import Deed, record
from pacs.people.membership import Member, find_by_id
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.ports import Rows, Services, Statements
from pacs.reading.naming import code_of
from pacs.reading.work import written
from pacs.reporting.body import Sections, checked, checked_language
from pacs.reporting.templates import find_template
from pacs.reporting.versions import VERIFIED, Author, append, versions_of

COLUMNS = (
    "cast(r.id as text) as id, cast(r.organization_id as text) as organization_id, r.study_instance_uid, s.code,"
    " s.state as study_state, cast(s.branch_id as text) as branch_id, cast(r.member_id as text) as member_id,"
    " r.machine, r.language, r.state, r.version, r.stored_version, r.created_at, r.updated_at, v.author,"
    " cast(v.member_id as text) as author_id, v.sections, v.digest"
)
JOINED = (
    " from reports r join studies s using (organization_id, study_instance_uid)"
    " join report_versions v on v.report_id = r.id and v.number = r.version"
)
SHOWN = (
    *("id", "code", "study_instance_uid", "member_id", "author", "machine", "language", "state", "version"),
    *("created_at", "updated_at"),
)
CREATE = text(
    "insert into reports (id, organization_id, study_instance_uid, member_id, machine, language, created_at,"
    " updated_at) values (cast(:id as uuid), cast(:organization_id as uuid), :study_instance_uid,"
    " cast(:member_id as uuid), :machine, :language, :now, :now)"
)

Report = dict[str, Any]


def list_reports(services: Services, scope: Scope, code: str) -> list[Report]:
    """The reports of a study that the scope may see, the verified one first. Raises NotFound for the study."""
    study = find_study(services.database, scope, code)
    order = " order by r.state in ('final', 'addendum') desc, r.created_at, r.id"
    condition = "r.study_instance_uid = :study"
    rows = query(services.database, scope, condition, {"study": study["study_instance_uid"]}, order)
    return [summary(row) for row in rows]


def read_report(services: Services, scope: Scope, report_id: str) -> Report:
    """A report with its sections as they are now; of a verified one those that were signed first. Raises NotFound."""
    return described(services.database, find(services.database, scope, report_id))


def create_draft(
    services: Services,
    scope: Scope,
    code: str,
    *,
    sections: Sections | None = None,
    template_id: str = "",
    language: str = "tr",
    machine: str = "",
    source_ip: str = "",
) -> Report:
    """Begin a report of a study, from a template if one is named; the sections given go before the template's.

    `machine` names what wrote it, which is then no human. Raises NotFound, BadRequest; Conflict when the study is
    claimed by somebody else, or by nobody.
    """
    template = find_template(services.database, scope, template_id) if template_id else {"sections": {}}
    body = {**template["sections"], **checked({**template["sections"], **(sections or {})})}
    study = find_study(services.database, scope, code)
    author = Author(None, machine) if machine else author_of(member_of(services.database, scope))
    now = services.clock.now()
    report = {
        "id": str(uuid.uuid4()),
        "organization_id": scope.organization_id,
        "study_instance_uid": study["study_instance_uid"],
        "member_id": author.member_id,
        "machine": machine,
        "language": checked_language(language),
    }
    with services.database.transaction() as statements:
        if not machine:
            written(services, statements, scope, study["study_instance_uid"], "draft")
        statements.fetch(CREATE, {**report, "now": now})
        append(statements, {**report, "version": 0, "digest": ""}, "draft", author, body, now)
        deed = Deed("write-report", study["study_instance_uid"], subject=str(report["id"]))
        record(statements, scope, deed, source_ip=source_ip)
        made = find(statements, scope, str(report["id"]))
    return described(services.database, made)


def save_draft(services: Services, scope: Scope, report_id: str, version: int, sections: Sections) -> Report:
    """Save what a draft says now, over the version that one has read. What says the same makes no new version.

    Raises NotFound; Forbidden for another's draft; Conflict when somebody has saved since, or it is verified.
    """
    body = checked(sections)
    with services.database.transaction() as statements:
        report = hold(statements, scope, report_id)
        require_writable(scope, report)
        require_version(report, version)
        if body != report["sections"]:
            author = author_of(member_of(statements, scope))
            taken_over = report["member_id"] is None
            if report["state"] == "draft" and (taken_over or report["study_state"] not in ("draft", "preliminary")):
                written(services, statements, scope, report["study_instance_uid"], "draft")
            append(statements, report, report["state"], author, body, services.clock.now())
            report = find(statements, scope, report_id)
    return described(services.database, report)


def make_preliminary(services: Services, scope: Scope, report_id: str, version: int, *, source_ip: str = "") -> Report:
    """Let others know that a draft is ready to be verified. Raises as `save_draft` does."""
    with services.database.transaction() as statements:
        report = hold(statements, scope, report_id)
        require_writable(scope, report)
        require_version(report, version)
        if report["state"] == "draft":
            author = author_of(member_of(statements, scope))
            written(services, statements, scope, report["study_instance_uid"], "preliminary")
            append(statements, report, "preliminary", author, report["sections"], services.clock.now())
            deed = Deed("write-report", report["study_instance_uid"], subject=f"{report_id}: preliminary")
            record(statements, scope, deed, source_ip=source_ip)
            report = find(statements, scope, report_id)
    return described(services.database, report)


def find_study(statements: Statements, scope: Scope, code: str) -> Mapping[str, Any]:
    """The study of a code. Raises NotFound, also for what the scope does not cover."""
    parameters: dict[str, Any] = {"code": code_of(code)}
    where = " and ".join([*scope_conditions(scope, parameters), "s.code = :code"])
    rows = statements.fetch(text(f"select s.study_instance_uid from studies s where {where}"), parameters)  # noqa: S608
    if not rows:
        raise NotFound("no such study", field="code")
    return rows[0]


def visible(scope: Scope, parameters: dict[str, Any]) -> str:
    """What may be seen of reports `r`: verified ones, one's own, and by permission everybody's."""
    if may(scope, "reports.drafts"):
        return "true"
    parameters["me"] = scope.member_id or None
    return "(r.state in ('final', 'addendum') or r.member_id = cast(:me as uuid))"


def query(statements: Statements, scope: Scope, condition: str, values: Mapping[str, Any], ended: str = "") -> Rows:
    """Reports that meet a condition and that the scope may see."""
    parameters = dict(values)
    where = " and ".join([*scope_conditions(scope, parameters), visible(scope, parameters), condition])
    return statements.fetch(text(f"select {COLUMNS}{JOINED} where {where}{ended}"), parameters)


def find(statements: Statements, scope: Scope, report_id: str) -> Report:
    """One report. Raises NotFound."""
    rows = query(statements, scope, "r.id = cast(:id as uuid)", {"id": report_id})
    if not rows:
        raise NotFound("no such report")
    return dict(rows[0])


def hold(statements: Statements, scope: Scope, report_id: str) -> Report:
    """One report, whose row nobody else changes until the transaction ends. Raises NotFound."""
    statements.fetch(
        text(
            "select id from reports where id = cast(:id as uuid)"
            " and organization_id = cast(:organization_id as uuid) for update"
        ),
        {"id": report_id, "organization_id": scope.organization_id},
    )
    return find(statements, scope, report_id)


def require_writable(scope: Scope, report: Mapping[str, Any]) -> None:
    """Raises Conflict for a verified report, Forbidden for another's draft; a preliminary one is everybody's."""
    if report["state"] in VERIFIED:
        raise Conflict("a verified report is not changed: add to it", field="state")
    if report["state"] == "draft" and report["member_id"] not in (None, scope.member_id):
        raise Forbidden("this draft is somebody else's")


def require_version(report: Mapping[str, Any], version: int) -> None:
    """Raises Conflict unless the version that somebody has read is still the last."""
    if version != report["version"]:
        raise Conflict(f"somebody has saved since: version {report['version']} is the last", field="version")


def member_of(statements: Statements, scope: Scope) -> Member:
    """The member whose scope it is. Raises Forbidden for the token of a program: humans write reports."""
    member = find_by_id(statements, scope.member_id) if scope.member_id else None
    if member is None:
        raise Forbidden("reports are written by members")
    return member


def author_of(member: Member) -> Author:
    return Author(member.id, member.name)


def summary(report: Mapping[str, Any]) -> Report:
    """What lists tell of a report. `stored` says whether its last signed state lies in the study as documents."""
    return {
        **{name: report[name] for name in SHOWN},
        "stored": report["state"] in VERIFIED and report["stored_version"] == report["version"],
    }


def described(statements: Statements, report: Mapping[str, Any]) -> Report:
    """A report as readers get it: what it says, and what of it is signed, addenda last."""
    signed = versions_of(statements, report["id"], only_signed=True) if report["state"] in VERIFIED else []
    sections = signed[0].sections if signed else report["sections"]
    shown = [
        {name: getattr(each, name) for name in ("number", "kind", "author", "at", "sections", "digest", "code")}
        for each in signed
    ]
    return {**summary(report), "sections": sections, "digest": report["digest"], "signed": shown}
