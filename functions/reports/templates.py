"""Templates of reports, and the letterheads of centres."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope
from pacs.reporting import letterheads, templates

router = APIRouter(prefix="/api")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Template(Body):
    name: str = Field(max_length=200)
    modality: str = Field("", max_length=16)
    language: str = "tr"
    sections: dict[str, str] = {}


class Letterhead(Body):
    lines: str = Field(max_length=1000)


@router.get("/report-templates")
async def list_templates(scope: CurrentScope, modality: str = "", language: str = "") -> list[dict[str, Any]]:
    """The templates of the organization, or those that fit a modality and a language."""
    return templates.list_templates(services().database, scope, modality=modality, language=language)


@router.post("/report-templates", status_code=201)
async def create_template(scope: CurrentScope, asked: Template) -> dict[str, Any]:
    """Make a template."""
    return templates.create_template(
        services().database, scope, asked.name, asked.sections, modality=asked.modality, language=asked.language
    )


@router.get("/report-templates/{template}")
async def read_template(scope: CurrentScope, template: UUID) -> dict[str, Any]:
    """One template."""
    return templates.find_template(services().database, scope, str(template))


@router.put("/report-templates/{template}")
async def change_template(scope: CurrentScope, template: UUID, asked: Template) -> dict[str, Any]:
    """Replace a template; reports that began with it stay as they are."""
    return templates.change_template(
        services().database,
        scope,
        str(template),
        asked.name,
        asked.sections,
        modality=asked.modality,
        language=asked.language,
    )


@router.delete("/report-templates/{template}", status_code=204)
async def delete_template(scope: CurrentScope, template: UUID) -> Response:
    """Remove a template."""
    templates.delete_template(services().database, scope, str(template))
    return Response(status_code=204)


@router.get("/letterheads/{branch}")
async def read_letterhead(scope: CurrentScope, branch: str) -> dict[str, str]:
    """The letterhead of a branch, which is named by its code."""
    return letterheads.read_letterhead(services().database, scope, branch)


@router.put("/letterheads/{branch}")
async def change_letterhead(scope: CurrentScope, branch: str, asked: Letterhead) -> dict[str, str]:
    """Replace the lines of a letterhead."""
    return letterheads.change_letterhead(services().database, scope, branch, asked.lines)
