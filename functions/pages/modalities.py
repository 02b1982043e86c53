"""For administrators: which modalities send to the organization, and which peers instances may be sent to."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.archive.peers import (
    ask_echo,
    branch_of_strangers,
    branch_titles,
    echo_answer,
    forget_modality,
    forget_peer,
    keep_modality,
    keep_mode,
    keep_peer,
    list_known,
)
from pacs.bootstrap import services
from pacs.dicom.modalities import Destination
from pacs.entry.browser import page_scope
from pacs.entry.portal import lead, page
from pacs.errors import BadRequest, NotFound
from pacs.people.organizations import list_branches
from pacs.people.scope import Scope

router = APIRouter(prefix="/admin")
Text = Annotated[str, Form(max_length=253)]
Owner = Annotated[Scope, page_scope("organization.manage")]
LIST = "/admin/modalities"


@router.get("/modalities")
async def show_modalities(
    request: Request,
    scope: Owner,
    echo: Annotated[str, Query(max_length=64)] = "",
    peer: Annotated[str, Query(max_length=16)] = "",
    tries: Annotated[int, Query(ge=0, le=99)] = 0,
) -> Response:
    """Both tables; with `echo` what came of a C-ECHO that was asked for, which the page asks again every second."""
    mode, modalities, peers = list_known(services(), scope)
    return page(
        request,
        "modalities.html",
        scope,
        mode=mode,
        strangers=branch_of_strangers(services(), scope),
        modalities=modalities,
        peers=peers,
        branches=list_branches(services().database, scope),
        titles=branch_titles(services(), scope),
        settings=services().settings,
        echo=echo,
        peer=peer,
        tries=tries,
        answer=echo_answer(services(), scope, echo) if echo else None,
    )


@router.post("/modalities")
async def save_modality(
    request: Request,
    scope: Owner,
    name: Text = "",
    branch: Text = "",
    calling: Text = "",
    called: Text = "",
    address: Text = "",
    query: Text = "",
    replacing: Text = "",
) -> Response:
    """Add a modality, or change the one of the name `replacing`."""
    if branch not in [each.id for each in list_branches(services().database, scope)]:
        raise NotFound("the organization has no such branch", field="branch")
    entry = {
        "name": name.strip(),
        "branch_id": branch,
        "calling_ae_title": calling.strip(),
        "called_ae_title": called.strip(),
        "source_address": address.strip(),
        "query": bool(query),
    }
    keep_modality(services(), scope, entry, replacing)
    return lead(request, LIST)


@router.post("/modalities/remove")
async def remove_modality(request: Request, scope: Owner, name: Text = "") -> Response:
    forget_modality(services(), scope, name)
    return lead(request, LIST)


@router.post("/modalities/strangers")
async def treat_strangers(request: Request, scope: Owner, mode: Text = "") -> Response:
    """Whether modalities that are not listed may send: `open` or `strict`."""
    keep_mode(services(), scope, mode)
    return lead(request, LIST)


@router.post("/peers")
async def save_peer(
    request: Request,
    scope: Owner,
    ae_title: Text = "",
    host: Text = "",
    port: Text = "",
    tls: Text = "",
    replacing: Text = "",
) -> Response:
    """Add a peer, or change the one with the AE title `replacing`."""
    if not (port.isascii() and port.isdigit()):
        raise BadRequest("the port is a number", field="port")
    peer = Destination(ae_title.strip(), host.strip(), int(port[:6]), scope.organization_id, tls=bool(tls))
    keep_peer(services(), scope, peer, replacing)
    return lead(request, LIST)


@router.post("/peers/remove")
async def remove_peer(request: Request, scope: Owner, ae_title: Text = "") -> Response:
    forget_peer(services(), scope, ae_title)
    return lead(request, LIST)


@router.post("/peers/echo")
async def try_peer(request: Request, scope: Owner, ae_title: Text = "") -> Response:
    """Let the DICOM door send a C-ECHO to a peer."""
    return lead(request, f"{LIST}?echo={ask_echo(services(), scope, ae_title)}&peer={ae_title}#echo")
