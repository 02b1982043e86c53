"""Who is told of a critical finding in a draft? By e-mail, with nothing of a patient in it. Called by `working`."""

from sqlalchemy import text

from pacs.ai.holding import Held
from pacs.ports import Services

# Those of them who may come in.
READERS = text(
    "select distinct m.email from organization_members m join studies s"
    " on s.organization_id = cast(:organization_id as uuid) and s.study_instance_uid = :study"
    " where m.id in (s.claimed_by, s.assigned_member_id, cast(:asked_by as uuid)) and m.disabled_at is null"
    " order by m.email"
)
SUBJECT = "Bulut PACS: acil bakılmalı / to be read at once"
TEXT = """Yapay zekâ taslağı, {code} kodlu tetkikte bekleyemeyecek bir bulgu bildiriyor.
Taslak yanılabilir; lütfen hemen bakın.
An AI draft tells of a finding in study {code} that cannot wait.
Drafts can be wrong; please look at it now.

{link}
"""


def alert(services: Services, held: Held) -> list[str]:
    """Tell whoever has claimed the study, to whom it is assigned, and who asked; returns their addresses.

    Raises Unavailable, NotConfigured.
    """
    whose = {"organization_id": held.organization_id, "study": held.study_instance_uid, "asked_by": held.member_id}
    addresses = [row["email"] for row in services.database.fetch(READERS, whose)]
    said = TEXT.format(code=held.code, link=f"{services.settings.origin}/viewer/{held.code}")
    for address in addresses:
        services.mailer.send(address, SUBJECT, said)
    return addresses
