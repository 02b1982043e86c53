"""What people dictate in the portal: a recording or words become the draft of a report, and they go on with it."""

from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.dictation import dictations, exporting
from pacs.dictation.uploads import begin_upload
from pacs.entry.http import CurrentScope
from pacs.people.audit import Deed, record

router = APIRouter(prefix="/api")
Words = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Dictated(Body):
    title: Words = ""
    upload: Words = ""
    text: str = Field("", max_length=dictations.LONGEST_TEXT)
    modality: Words = ""
    template: UUID | Literal["", "none"] = ""
    language: Words = "tr"
    written_in: Words = ""


class SavedDictation(Body):
    version: int = Field(ge=1)
    sections: dict[str, str]
    title: Words = ""


@router.post("/dictation-uploads", status_code=201)
async def create_upload(scope: CurrentScope) -> dict[str, Any]:
    """Where a recording is sent, and by which name the dictation then calls it."""
    upload = begin_upload(services(), scope)
    return {"upload": upload.id, "url": upload.form.url, "fields": dict(upload.form.fields)}


@router.post("/dictations", status_code=201)
async def create_dictation(scope: CurrentScope, asked: Dictated) -> dict[str, str]:
    """Dictate: the recording of an upload, or typed words. Costs a credit when its report has come out right."""
    new = dictations.NewDictation(
        asked.title,
        asked.upload,
        asked.text,
        asked.modality,
        str(asked.template),
        asked.language,
        asked.written_in,
    )
    return {"id": dictations.begin(services(), scope, new)}


@router.get("/dictations/{dictation}")
async def show_dictation(scope: CurrentScope, dictation: UUID) -> dict[str, Any]:
    """How far a dictation is; with its report, what to look at twice, and each sentence with its moments."""
    found = dictations.read(services(), scope, str(dictation))
    made = dictations.made_of(services(), scope, found.id) if found.sections is not None else {}
    return {**asdict(found), "warnings": made.get("warnings", []), "sentences": made.get("sentences", [])}


@router.put("/dictations/{dictation}")
async def save_dictation(scope: CurrentScope, dictation: UUID, asked: SavedDictation) -> dict[str, int]:
    """Save a report over the version that was read; 409 when it was saved in another place since."""
    return dictations.save(services(), scope, str(dictation), asked.version, asked.sections, asked.title)


@router.get("/dictations/{dictation}/audio")
async def find_audio(scope: CurrentScope, dictation: UUID) -> dict[str, str]:
    """Where its recording is, for an hour."""
    return {"url": dictations.audio_address(services(), scope, str(dictation))}


@router.get("/dictations/{dictation}/{format}")
async def export_dictation(scope: CurrentScope, dictation: UUID, format: exporting.Format) -> Response:
    """The report as a file: pdf, docx, rtf, html or txt."""
    found = dictations.read(services(), scope, str(dictation))
    body = exporting.export(services(), scope, found, format)
    record(services().database, scope, Deed("read-report", subject=f"dictation {found.id} as {format}"))
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.{format}"', "Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type=exporting.MEDIA_TYPES[format])
