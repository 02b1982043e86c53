"""Whose a study is: read, corrected, merged into another patient, taken back. Not in the standard."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from pacs.bootstrap import services
from pacs.entry.http import CurrentScope, client_address
from pacs.entry.noting import noted
from pacs.reading import patients

router = APIRouter()
PATH = "/api/studies/{code}/patient"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Corrections(Body):
    attributes: dict[str, str]
    whole_patient: bool = False


class Merge(Body):
    into: str


@router.get(PATH)
async def read_patient(request: Request, scope: CurrentScope, code: str) -> dict[str, Any]:
    """What is told of a study's patient, what the originals say, and what was changed."""
    told = patients.read_patient(services(), scope, code)
    noted(request, scope, told["study_instance_uid"], Response())
    return told


@router.put(PATH)
async def correct_patient(request: Request, scope: CurrentScope, code: str, asked: Corrections) -> dict[str, Any]:
    """Tell other attributes of a study, or of all studies of its patient."""
    return patients.correct_patient(
        services(),
        scope,
        code,
        asked.attributes,
        whole_patient=asked.whole_patient,
        source_ip=client_address(request),
    )


@router.post(PATH)
async def merge_patient(request: Request, scope: CurrentScope, code: str, asked: Merge) -> dict[str, Any]:
    """Tell of all studies of a study's patient that they are the patient's of another study."""
    return patients.merge_patient(services(), scope, code, asked.into, source_ip=client_address(request))


@router.delete(PATH)
async def undo_correction(request: Request, scope: CurrentScope, code: str) -> dict[str, Any]:
    """Tell what the originals say again."""
    return patients.undo_correction(services(), scope, code, source_ip=client_address(request))
