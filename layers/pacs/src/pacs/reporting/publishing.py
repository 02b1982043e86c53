"""Verified reports on their way out: into the study as DICOM objects, and to the centre by e-mail.

Called by functions/reports after a signature, and again whenever that failed: the same report makes the same objects.
"""

from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Mailer, Services
from pacs.reporting.documents import Document, document_of

STORED = text(
    "update reports set stored_version = greatest(stored_version, :number) where id = cast(:id as uuid) returning id"
)
# Those of the centre who may come in now and to whom the branch is granted.
RECIPIENTS = text(
    "select m.email from organization_members m join organization_member_branches g on g.member_id = m.id"
    " where m.organization_id = cast(:organization_id as uuid) and g.branch_id = cast(:branch_id as uuid)"
    " and m.role = 'centre' and not m.importer and m.disabled_at is null order by m.email"
)
SUBJECT = "Bulut PACS: rapor hazır / a report is ready"
TEXT = """Onaylanmış bir rapor sizi bekliyor. Görmek için oturum açın:
A verified report is waiting for you. Sign in to read it:

{link}
"""


def store_documents(services: Services, scope: Scope, report_id: str, *, source_ip: str = "") -> list[str]:
    """Store a verified report into its study, as SR and as PDF; returns their SOP Instance UIDs. Safe to repeat.

    Raises NotFound, Conflict (it is not verified), StoreUnavailable.
    """
    from pacs.archive.storing import store_instance  # what reads and makes DICOM is slow to import, and seldom needed

    document = verified(services, scope, report_id)
    made = []
    for body in bodies(document):
        stored = store_instance(
            services,
            scope,
            body,
            study=document.study_instance_uid,
            branch_id=document.branch_id,
            source_ip=source_ip,
        )
        if stored.error is not None:
            raise stored.error
        made.append(stored.sop_instance_uid)
    services.database.fetch(STORED, {"id": report_id, "number": document.last.number})
    return made


def bodies(document: Document) -> list[bytes]:
    from pacs.reporting.pdf import render_pdf
    from pacs.reporting.structured import encapsulated_pdf, structured_report

    return [structured_report(document), encapsulated_pdf(document, render_pdf(document))]


def report_pdf(services: Services, scope: Scope, report_id: str, *, source_ip: str = "") -> bytes:
    """The PDF of a report that the scope may see. Raises NotFound."""
    from pacs.reporting.pdf import render_pdf

    document = document_of(services, scope, report_id)
    deed = Deed("read-report", document.study_instance_uid, subject=f"{report_id}: pdf")
    record(services.database, scope, deed, source_ip=source_ip)
    return render_pdf(document)


def send_to_centre(
    services: Services, mailer: Mailer, scope: Scope, report_id: str, *, source_ip: str = ""
) -> list[str]:
    """Tell the centre by e-mail that a verified report is there; returns the addresses. Nothing in it is a patient's.

    Raises NotFound, also when the centre has nobody to tell; Conflict (not verified); Unavailable, NotConfigured.
    """
    document = verified(services, scope, report_id)
    if not document.branch_id:
        raise BadRequest("the study is of no centre", field="branch")
    values = {"organization_id": document.organization_id, "branch_id": document.branch_id}
    addresses = [row["email"] for row in services.database.fetch(RECIPIENTS, values)]
    if not addresses:
        raise NotFound("the centre has nobody who gets e-mails", field="branch")
    link = f"{services.settings.origin}/reports/{document.report_id}"
    for address in addresses:
        mailer.send(address, SUBJECT, TEXT.format(link=link))
    deed = Deed("send-report", document.study_instance_uid, subject=f"{report_id}: {len(addresses)} of the centre")
    record(services.database, scope, deed, source_ip=source_ip)
    return addresses


def verified(services: Services, scope: Scope, report_id: str) -> Document:
    document = document_of(services, scope, report_id)
    if not document.is_verified:
        raise Conflict("the report is not verified", field="state")
    return document
