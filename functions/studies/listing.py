"""Lists of studies, one study, what was done with it, and what else is here of its patient."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.reading.priors import priors
from pacs.reading.studies import find_study, study_history
from pacs.reading.wanted import read_wanted
from pacs.reading.worklist import DEFAULT_LIMIT, list_studies

router = APIRouter(prefix="/studies")

Text = Annotated[str, Query(max_length=512)]


@router.get("")
async def read_studies(
    scope: CurrentScope,
    state: Text = "",
    urgent: Text = "",
    late: Text = "",
    modality: Text = "",
    branch: Text = "",
    assigned: Text = "",
    reader: Text = "",
    pool: Text = "",
    first: Annotated[str, Query(alias="from", max_length=512)] = "",
    last: Annotated[str, Query(alias="to", max_length=512)] = "",
    q: Text = "",
    order: Text = "",
    after: Annotated[str, Query(max_length=2048)] = "",
    limit: int = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """One page of the studies that meet all of this; `after` of an answer asks for the next."""
    named = {"state": state, "urgent": urgent, "late": late, "modality": modality, "branch": branch}
    named |= {"assigned": assigned, "reader": reader, "pool": pool, "from": first, "to": last, "q": q, "order": order}
    wanted = read_wanted({name: [value] for name, value in named.items()})
    page = list_studies(services(), scope, wanted, after=after, limit=limit)
    return {"studies": page.items, "after": page.after}


@router.get("/{code}")
async def read_study(scope: CurrentScope, code: str) -> dict[str, Any]:
    """One study, by its code or its Study Instance UID."""
    return find_study(services(), scope, code)


@router.get("/{code}/history")
async def read_history(scope: CurrentScope, code: str) -> list[dict[str, Any]]:
    """What was done with a study, the first thing first."""
    return study_history(services(), scope, code)


@router.get("/{code}/priors")
async def read_priors(scope: CurrentScope, code: str) -> dict[str, list[dict[str, Any]]]:
    """The patient's other studies, those that may be another patient's marked as not certain."""
    return {"priors": priors(services(), scope, find_study(services(), scope, code)["code"])}
