"""Opening studies in the viewer, by links that are good for them alone."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.reading.priors import priors
from pacs.reading.studies import find_study
from pacs.viewing.launch import launch_url

router = APIRouter()
Opener = Annotated[Scope, page_scope("launch.create")]
# Of a patient, opened together: the study and the ones before it.
SESSION_STUDIES = 6


@router.post("/worklist/open")
async def open_study(
    request: Request, scope: Opener, study: Annotated[str, Form(max_length=64)] = "", session: str = Form("")
) -> Response:
    """Open a study in the viewer, or with `session` the patient's last ones together."""
    found = find_study(services(), scope, study)
    opened = [found["study_instance_uid"], *(session_of(scope, found) if session else ())]
    return lead(request, launch(request, scope, opened, f"/viewer/{found['code']}"))


def session_of(scope: Scope, study: dict[str, Any]) -> list[str]:
    """The patient's other studies, the newest first; none that may be somebody else's."""
    certain = [each for each in priors(services(), scope, study["code"]) if each["certain"]]
    return [each["study_instance_uid"] for each in certain[: SESSION_STUDIES - 1]]


def launch(request: Request, scope: Scope, studies: list[str], return_url: str = "") -> str:
    """The path of a link that opens these studies, which the scope covers. It is noted who got it."""
    settings = services().settings
    ttl_s = settings.launch_ttl_s
    url = launch_url(settings, services().tokens, scope, studies, ttl_s=ttl_s, return_url=return_url)
    with services().database.transaction() as statements:
        for each in studies:
            record(statements, scope, Deed("launch", each), source_ip=client_address(request))
    return url.removeprefix(settings.origin)
