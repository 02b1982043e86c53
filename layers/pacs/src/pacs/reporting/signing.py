"""Signing: what makes a report final, and what is added to it later. Called by functions/reports.

Only a human signs: a reader who is granted the branch of the study now, not only when the token was made, and who has
proved once more who it is where PACS_SIGN_AGAIN asks for it. What is signed never changes again.
"""

from dataclasses import dataclass

from pacs.errors import Conflict, Forbidden, SecondFactorNeeded, Unauthenticated
from pacs.people import limits, second_factor
from pacs.people.audit import Deed, record
from pacs.people.membership import READERS, Member
from pacs.people.recovery import require_password
from pacs.people.scope import Scope
from pacs.ports import Services, Statements
from pacs.reading.work import written
from pacs.reporting.body import Sections, checked, require_words
from pacs.reporting.drafts import (
    Report,
    author_of,
    described,
    find,
    hold,
    member_of,
    require_version,
    require_writable,
)
from pacs.reporting.versions import VERIFIED, Proof, append


@dataclass(frozen=True)
class Again:
    """What somebody gives to prove once more who it is: a password, or a code of the second factor."""

    password: str = ""
    code: str = ""


def sign_report(
    services: Services, scope: Scope, report_id: str, version: int, again: Again, *, source_ip: str = ""
) -> Report:
    """Verify and sign what a draft says. Safe to repeat by who signed it.

    Raises NotFound; Forbidden for who may not sign it; Unauthenticated, SecondFactorNeeded; BadRequest for an empty
    report; Conflict when somebody has saved since, or the study has a verified report already.
    """
    report = find(services.database, scope, report_id)
    signer = require_signer(services, scope, report)
    proof = prove(services, signer, again, source_ip)
    with services.database.transaction() as statements:
        report = hold(statements, scope, report_id)
        if report["state"] == "final" and report["version"] == version + 1 and report["author_id"] == signer.id:
            return described(statements, report)
        require_writable(scope, report)
        require_version(report, version)
        require_words(report["sections"])
        written(services, statements, scope, report["study_instance_uid"], "final")
        now = services.clock.now()
        made = append(statements, report, "final", author_of(signer), report["sections"], now, proof=proof)
        note(statements, scope, report, f"{report_id}: final {made.digest}", source_ip)
        report = find(statements, scope, report_id)
    return described(services.database, report)


def add_addendum(
    services: Services,
    scope: Scope,
    report_id: str,
    version: int,
    sections: Sections,
    again: Again,
    *,
    source_ip: str = "",
) -> Report:
    """Add a part to a verified report, and sign it; what is there stays. Raises as `sign_report` does."""
    body = checked(sections)
    require_words(body)
    report = find(services.database, scope, report_id)
    signer = require_signer(services, scope, report)
    proof = prove(services, signer, again, source_ip)
    with services.database.transaction() as statements:
        report = hold(statements, scope, report_id)
        if report["state"] not in VERIFIED:
            raise Conflict("only a verified report is added to", field="state")
        require_version(report, version)
        written(services, statements, scope, report["study_instance_uid"], "addendum")
        now = services.clock.now()
        made = append(statements, report, "addendum", author_of(signer), body, now, proof=proof)
        note(statements, scope, report, f"{report_id}: addendum {made.digest}", source_ip)
        report = find(statements, scope, report_id)
    return described(services.database, report)


def require_signer(services: Services, scope: Scope, report: Report) -> Member:
    """The member who signs. Raises Forbidden unless a reader whom the study's branch is granted at this moment."""
    member = member_of(services.database, scope)
    seen = member.scope_in(scope.organization_id) if member.is_let_in(services.clock.now()) else None
    if seen is None or seen.role not in READERS:
        raise Forbidden("only radiologists sign reports")
    if seen.branches is not None and report["branch_id"] not in seen.branches:
        raise Forbidden("the branch of this study is not granted to you")
    return member


def prove(services: Services, member: Member, again: Again, source_ip: str) -> Proof:
    """How the signer has proved who it is: by the session alone, unless PACS_SIGN_AGAIN asks for more.

    Then by a code of the second factor, for who has one, or else by the password.
    """
    if not services.settings.sign_again:
        return "session"
    if not member.totp_since:
        if not again.password:
            raise Unauthenticated("signing needs your password", field="password")
        require_password(services, member, again.password, source_ip)
        return "password"
    if not again.code:
        raise SecondFactorNeeded("signing needs a code of your second factor", field="code")
    now = services.clock.now()
    limits.count_attempt(services.database, member.email, source_ip, now)
    if not second_factor.take(services, member, again.code):
        raise Unauthenticated("the code is wrong, or was used already", field="code")
    limits.forgive(services.database, member.email, source_ip, now)
    return "code"


def note(statements: Statements, scope: Scope, report: Report, subject: str, source_ip: str) -> None:
    record(statements, scope, Deed("sign-report", report["study_instance_uid"], subject=subject), source_ip=source_ip)
