"""What viewers without DICOMweb read: manifests of studies, and the files that these name."""

import gzip
from collections.abc import Sequence

import orjson
from fastapi import APIRouter, Request, Response

from pacs.archive.deidentified import told_instances, told_metadata
from pacs.archive.lookup import Level, find_instance
from pacs.archive.naming import find_named
from pacs.archive.privacy import lift, true_uids
from pacs.archive.retrieve import retrieve_metadata
from pacs.bootstrap import services
from pacs.dicom.uids import is_uid
from pacs.entry.answers import squeezed
from pacs.entry.http import READ, CurrentScope
from pacs.entry.noting import noted
from pacs.entry.private import told_file_answer
from pacs.entry.wado import instance_answer
from pacs.errors import BadRequest, NotFound
from pacs.people.scope import Scope
from pacs.viewing.manifests import Json, manifest

router = APIRouter(prefix="/viewer-data")
MAX_STUDIES = 16


@router.get("/studies/{study}")
async def read_study(request: Request, scope: CurrentScope, study: str) -> Response:
    """One study as OHIF's dicomjson."""
    return manifest_answer(request, scope, [study])


@router.get("/ohif-session")
async def read_session(
    request: Request,
    scope: CurrentScope,
    StudyInstanceUIDs: str = "",  # noqa: N803 - as OHIF names it
) -> Response:
    """Several studies in one manifest: those named, joined by commas, or all of the link."""
    studies = [each for each in StudyInstanceUIDs.split(",") if each] or list(scope.studies or ())
    if not 0 < len(studies) <= MAX_STUDIES:
        raise BadRequest(f"name between 1 and {MAX_STUDIES} studies", field="StudyInstanceUIDs")
    return manifest_answer(request, scope, studies)


@router.api_route("/instances/{instance}", methods=[*READ])
async def retrieve_file(request: Request, scope: CurrentScope, instance: str) -> Response:
    """One instance as a file, or ranges of it, by its SOP Instance UID alone."""
    if not is_uid(instance):
        raise BadRequest("instance is not a UID", field="instance")
    level = level_of(scope, instance)
    if scope.privacy:
        answer = told_file_answer(services(), scope, request, told_instances(services(), scope, level)[0])
    else:
        found = find_instance(services().database, scope, level)
        answer = instance_answer(services(), request, found, found.transfer_syntax_uid)
    return noted(request, scope, level.study, answer, "download")


def manifest_answer(request: Request, scope: Scope, studies: Sequence[str]) -> Response:
    documents = [documents_of(scope, Level(each)) for each in studies]
    body = manifest(documents, f"{services().settings.origin}/viewer-data/instances/")
    answer = squeezed(services(), request, orjson.dumps(body), "application/json")
    for each in studies:
        noted(request, scope, each, answer)
    return answer


def documents_of(scope: Scope, level: Level) -> list[Json]:
    """The complete DICOM JSON of a study's instances. Raises NotFound."""
    if scope.privacy:
        return told_metadata(services(), scope, level)
    body, _ = retrieve_metadata(services(), scope, level)
    found: list[Json] = orjson.loads(gzip.decompress(body))
    return found


def level_of(scope: Scope, uid: str) -> Level:
    """Where the instance with this UID lies, under the UIDs that the scope knows. Raises NotFound."""
    database = services().database
    if not scope.privacy:
        return place_of(scope, uid)
    veil = lift(database, scope)
    meant = true_uids(database, veil, "SOPInstanceUID", [uid])
    if not meant:
        raise NotFound("no such instance", field="instance")
    found = place_of(veil.scope, meant[0])
    return Level(*(veil.alias.uid(each or "") for each in (found.study, found.series, found.instance)))


def place_of(scope: Scope, uid: str) -> Level:
    """The first that has this UID. Raises NotFound, which names nothing."""
    try:
        return find_named(services().database, scope, "instance", [uid])[0].level
    except NotFound as error:
        raise NotFound("no such instance", field="instance") from error
