"""Who looked at a study, and who fetched it: written down when it happens, and not again for each of its pictures.

Asked by what answers with something of a study, but not by frames and thumbnails: whoever looks at those has read the
metadata, or a list. One row an hour for each person, place and study, however many processes serve.
"""

from datetime import datetime
from typing import Literal

from fastapi import Request, Response

from pacs.archive.privacy import lift
from pacs.bootstrap import services
from pacs.entry.http import client_address
from pacs.people.audit import ONCE, Deed, record_once
from pacs.people.scope import SHARED, Scope

KNOWN_MAX = 4096

known: dict[tuple[str, ...], datetime] = {}


def noted(
    request: Request, scope: Scope, study: str, answer: Response, action: Literal["view", "download"] = "view"
) -> Response:
    """The same answer, of which the audit knows; of an error and of what has no body there is nothing to know."""
    if request.method == "HEAD" or answer.status_code >= 400:
        return answer
    address, now = client_address(request), services().clock.now()
    key = (scope.organization_id, scope.role, scope.member_id, scope.session_id, address, action, study)
    before = known.get(key)
    if before is not None and before <= now < before + ONCE:
        return answer
    # Strangers know studies by other names; their links, and keys, are what tells them apart.
    truth = lift(services().database, scope).studies.get(study, study) if scope.privacy else study
    through = scope.session_id if scope.role in SHARED or scope.actions is not None else ""
    record_once(services().database, scope, Deed(action, truth, subject=through), source_ip=address)
    if len(known) >= KNOWN_MAX:
        known.clear()
    known[key] = now
    return answer
