"""UPS-RS: the worklist, its workitems, and who is told of them. Source: PS3.18 §11."""

import gzip
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from pacs.bootstrap import services
from pacs.dicom.uids import is_uid
from pacs.dicomweb.media import DICOM_JSON, Offer, choose, parse_accept, parse_content_type, takes_gzip
from pacs.entry.answers import SQUEEZING, WORTH_SQUEEZING_BYTES
from pacs.entry.http import READ, CurrentScope, tell_error
from pacs.entry.native import DICOM_XML, OFFERS, native_answer, wants_xml
from pacs.errors import BadRequest, Conflict, Forbidden, UnsupportedMediaType
from pacs.worklist.payload import Json, read_dataset
from pacs.worklist.search import parse_worklist_query, search_workitems
from pacs.worklist.subscriptions import events_after, subscribe, suspend, unsubscribe
from pacs.worklist.workitems import (
    change_state,
    create_workitem,
    request_cancel,
    retrieve_workitem,
    update_workitem,
)

NO_CACHE = {"Cache-Control": "private, no-cache"}


class WarnedRoute(APIRoute):
    """A route whose refusals carry the reason in a Warning header too, as the standard asks of this service."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def warned(request: Request) -> Response:
            try:
                return await answer(request)
            except (BadRequest, Conflict, Forbidden) as error:
                refused = await tell_error(request, error)
                refused.headers.update(warning(error.message))
                return refused

        return warned


router = APIRouter(prefix="/dicomweb", route_class=WarnedRoute)


def warning(message: str) -> dict[str, str]:
    return {"Warning": f"299 bulut-pacs: {message}"} if message else {}


def named_in(request: Request, *names: str) -> str:
    """The UID of a query: the value of one of these parameters, or a UID that stands there alone."""
    for name, value in request.query_params.multi_items():
        if name in names:
            return value
        if not value and is_uid(name):
            return name
    return ""


async def received(request: Request) -> Json:
    """The dataset of a body. Raises UnsupportedMediaType, BadRequest."""
    named = parse_content_type(request.headers.get("content-type")).media_type
    if named not in (DICOM_JSON, DICOM_XML):
        raise UnsupportedMediaType(f"workitems are written in {DICOM_JSON} or {DICOM_XML}", field="Content-Type")
    return read_dataset(await request.body(), xml=named == DICOM_XML)


Received = Annotated[Json, Depends(received)]


def listed(request: Request, datasets: list[Json], message: str = "") -> Response:
    """Workitems in JSON, or in XML: each a part."""
    if wants_xml(request):
        answer = native_answer(services(), request, datasets)
        answer.headers.update({**NO_CACHE, **warning(message)})
        return answer
    body = orjson.dumps(datasets)
    headers = {**NO_CACHE, **warning(message), "Vary": "Accept-Encoding"}
    if len(body) >= WORTH_SQUEEZING_BYTES and takes_gzip(request.headers.get("accept-encoding")):
        body, headers["Content-Encoding"] = gzip.compress(body, SQUEEZING, mtime=0), "gzip"
    return Response(body, headers=headers, media_type=DICOM_JSON)


def alone(request: Request, dataset: Json) -> Response:
    """One workitem in JSON, or in XML: as a part, or by itself."""
    accepted = parse_accept(request.headers.getlist("accept"), request.query_params.getlist("accept"))
    chosen = choose(accepted, [*OFFERS, Offer(DICOM_XML)])
    if chosen.media_type != DICOM_XML or chosen.multipart:
        return listed(request, [dataset])
    from pacs.dicomweb.native import to_native  # brings pydicom, which answers in JSON do without

    return Response(to_native(dataset), headers=NO_CACHE, media_type=DICOM_XML)


def address(workitem: str) -> str:
    return f"{services().settings.origin}/dicomweb/workitems/{workitem}"


@router.post("/workitems")
async def create(request: Request, scope: CurrentScope, dataset: Received) -> Response:
    """Schedule a workitem."""
    change = create_workitem(services(), scope, dataset, named_in(request, "workitem", "AffectedSOPInstanceUID"))
    place = address(change.workitem.workitem_uid)
    headers = {"Location": place, "Content-Location": place, **warning(change.warning)}
    return Response(status_code=201, headers=headers)


@router.api_route("/workitems", methods=[*READ])
async def search(request: Request, scope: CurrentScope) -> Response:
    """Workitems that match. Nothing found is 200 with an empty array."""
    query = parse_worklist_query(request.query_params.multi_items())
    return listed(request, search_workitems(services().database, scope, query), query.warning)


@router.api_route("/workitems/{workitem}", methods=[*READ])
async def retrieve(request: Request, scope: CurrentScope, workitem: str) -> Response:
    """One workitem, without its Transaction UID."""
    return alone(request, retrieve_workitem(services().database, scope, workitem))


@router.post("/workitems/{workitem}")
async def update(request: Request, scope: CurrentScope, workitem: str, dataset: Received) -> Response:
    """Replace attributes of a workitem."""
    transaction_uid = named_in(request, "transaction-uid", "transaction", "TransactionUID")
    change = update_workitem(services(), scope, workitem, dataset, transaction_uid)
    return Response(headers={"Content-Location": address(workitem), **warning(change.warning)})


@router.put("/workitems/{workitem}/state")
async def change(scope: CurrentScope, workitem: str, dataset: Received) -> Response:
    """Claim, complete or cancel a workitem."""
    done = change_state(services(), scope, workitem, dataset)
    return Response(headers={"Content-Location": address(workitem), **warning(done.warning)})


@router.post("/workitems/{workitem}/cancelrequest")
async def cancel(request: Request, scope: CurrentScope, workitem: str) -> Response:
    """Cancel a workitem that nobody has claimed, or ask its owner to."""
    dataset = await received(request) if await request.body() else {}
    done = request_cancel(services(), scope, workitem, dataset, scope.role.upper())
    return Response(status_code=202, headers={"Content-Location": address(workitem), **warning(done.warning)})


@router.post("/workitems/{workitem}/subscribers/{ae}", status_code=201)
async def create_subscription(scope: CurrentScope, workitem: str, ae: str, deletionlock: bool = False) -> Response:
    """Tell an AE of what happens to a workitem, or to all."""
    subscribe(services().database, scope, workitem, ae, deletion_lock=deletionlock)
    return Response(status_code=201, headers={"Content-Location": events_address(ae)})


@router.delete("/workitems/{workitem}/subscribers/{ae}")
async def delete_subscription(scope: CurrentScope, workitem: str, ae: str) -> Response:
    """Tell an AE no more."""
    unsubscribe(services().database, scope, workitem, ae)
    return Response()


@router.post("/workitems/{workitem}/subscribers/{ae}/suspend")
async def suspend_subscription(scope: CurrentScope, workitem: str, ae: str) -> Response:
    """Tell an AE of no workitem that is new."""
    suspend(services().database, scope, workitem, ae)
    return Response()


@router.api_route("/subscribers/{ae}/events", methods=[*READ])
async def read_events(scope: CurrentScope, ae: str, after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> Response:
    """The event reports after the last one that a subscriber has seen."""
    events = events_after(services().database, scope, ae, after)
    return Response(
        orjson.dumps({"last": events.last, "events": events.reports}), headers=NO_CACHE, media_type="application/json"
    )


def events_address(ae: str) -> str:
    return f"{services().settings.origin}/dicomweb/subscribers/{ae}/events"
