"""For administrators: where devices draw names into their pictures, which links with privacy show blank there."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from pacs.archive.masks import NewMask, add_mask, list_masks, read_numbers, remove_mask
from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.portal import lead, page
from pacs.people.scope import Scope

router = APIRouter(prefix="/admin")
Text = Annotated[str, Form(max_length=64)]
Owner = Annotated[Scope, page_scope("organization.manage")]
LIST = "/admin/masks"


@router.get("/masks")
async def show_masks(request: Request, scope: Owner) -> Response:
    return page(request, "masks.html", scope, masks=list_masks(services().database, scope))


@router.post("/masks")
async def save_mask(
    request: Request,
    scope: Owner,
    modality: Text = "",
    manufacturer: Text = "",
    columns: Text = "",
    rows: Text = "",
    rectangles: Annotated[str, Form(max_length=1024)] = "",
) -> Response:
    """Keep a mask; rectangles stand one on a line: left, top, width, height."""
    [wide], [high] = read_numbers(columns, "x", 1, "columns"), read_numbers(rows, "x", 1, "rows")
    lines = [each for each in rectangles.splitlines() if each.strip()]
    blank = [read_numbers(each, ",", 4, "rectangles") for each in lines]
    new = NewMask(modality.strip(), high, wide, blank, manufacturer.strip())
    add_mask(services().database, scope, new, source_ip=client_address(request))
    return lead(request, LIST)


@router.post("/masks/remove")
async def forget_mask(request: Request, scope: Owner, mask: Text = "") -> Response:
    remove_mask(services().database, scope, mask, source_ip=client_address(request))
    return lead(request, LIST)
