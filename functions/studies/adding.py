"""What people bring: a form with files, or files in parts that go on where they were."""

import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from pacs.bootstrap import services
from pacs.entry.body import received_body, spool_beside
from pacs.entry.form import read_form
from pacs.entry.http import CurrentScope, client_address
from pacs.reading.arriving import Arrival, ReceivedFile, branch_for, codes_of, take_files
from pacs.reading.uploads import begin_upload, finish_upload, read_upload, sign_parts

router = APIRouter()

Short = Annotated[str, Field(max_length=256)]


class UploadRequest(BaseModel):
    """A file to be sent in parts, and what is typed in for one that is no DICOM."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=1024)]
    size_bytes: int
    batch: Short = ""
    position: int = Field(0, ge=0, le=100_000)
    patient_name: Short = ""
    modality: Short = ""
    patient_id: Short = ""
    patient_birth_date: Short = ""
    patient_sex: Short = ""
    patient_age: Short = ""
    accession_number: Short = ""
    study_description: Short = ""
    study_date: Short = ""
    branch: Short = ""
    urgent: Short = ""


class PartsRequest(BaseModel):
    """Which parts are going to be sent; the first has number 1."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[int]


OWN = ("name", "size_bytes", "batch", "position")


@router.post("/studies", status_code=201)
async def create_study(request: Request, scope: CurrentScope) -> dict[str, Any]:
    """Files, and what is typed in for those that are no DICOM, become a study."""
    body = await received_body(request)
    with TemporaryDirectory(dir=spool_beside(body), prefix="form-") as folder:
        fields, received = read_form(request, body, Path(folder))
        branch_id = branch_for(services(), scope, fields.get("branch", ""))
        files = [ReceivedFile(name, each) for name, each in received]
        arrival = Arrival(str(uuid.uuid4()), typed=fields, branch_id=branch_id, source_ip=client_address(request))
        taken = take_files(services(), scope, files, arrival)
    studies = codes_of(services(), scope, taken.studies)
    told = {"studies": studies, "stored": taken.stored, "refused": taken.refused, "problems": taken.problems}
    return {**(studies[0] if studies else {}), **told}


@router.post("/uploads", status_code=201)
async def create_upload(scope: CurrentScope, asked: UploadRequest) -> dict[str, Any]:
    """Announce a file that comes in parts; the answer tells how long they are."""
    typed = {name: value for name, value in asked.model_dump(exclude=set(OWN)).items() if value}
    own = {name: getattr(asked, name) for name in OWN}
    return begin_upload(services(), scope, typed=typed, **own)


@router.get("/uploads/{upload}")
async def show_upload(scope: CurrentScope, upload: str) -> dict[str, Any]:
    """How far an upload is: which parts are here, and at the end which studies came of it."""
    return read_upload(services(), scope, upload)


@router.post("/uploads/{upload}/parts")
async def ask_for_parts(scope: CurrentScope, upload: str, asked: PartsRequest) -> dict[str, Any]:
    """Where parts of the file are sent, each as the `file` of a form with the fields that are told."""
    return {"parts": sign_parts(services(), scope, upload, asked.numbers)}


@router.post("/uploads/{upload}/finish")
async def finish(request: Request, scope: CurrentScope, upload: str) -> dict[str, Any]:
    """Store what came; to be asked again while `state` is `storing`."""
    return finish_upload(services(), scope, upload, source_ip=client_address(request))
