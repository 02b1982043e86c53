"""Whose a study is, as a page: what is told and what the original says; corrected, merged into another, taken back."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from pacs.bootstrap import services
from pacs.entry.browser import page_scope
from pacs.entry.http import client_address
from pacs.entry.noting import noted
from pacs.entry.portal import lead, page
from pacs.people.scope import Scope
from pacs.portal.patients import FIELDS, changed, shown
from pacs.portal.worklist import row_of
from pacs.reading.studies import find_study

if TYPE_CHECKING:
    from types import ModuleType

router = APIRouter(prefix="/patients")
Corrector = Annotated[Scope, page_scope("patients.correct")]
Text = Annotated[str, Form(max_length=324)]
Code = Annotated[str, Query(max_length=64)]


@router.get("/{study}")
async def show_patient(request: Request, scope: Corrector, study: str, into: Code = "") -> Response:
    """With `into` (another study's code) what merging would do, to be confirmed. Looking is a view of either study."""
    found = find_study(services(), scope, study)
    told = correcting().read_patient(services(), scope, found["code"])
    target = correcting().read_patient(services(), scope, into.strip()) if into.strip() else None
    answer = page(
        request,
        "patient.html",
        scope,
        study=row_of(found, services().clock.now()),
        told=told,
        shown=shown(told["patient"]),
        fields=FIELDS,
        history=[{**each, "at": datetime.fromisoformat(each["at"])} for each in told["history"]],
        target=target,
        same=target is not None and patient_of(scope, into.strip()) == patient_of(scope, study),
    )
    for each in filter(None, (told, target)):
        noted(request, scope, each["study_instance_uid"], answer)
    return answer


@router.post("/{study}/correct")
async def correct(
    request: Request,
    scope: Corrector,
    study: str,
    name: Text = "",
    patient_id: Text = "",
    issuer: Text = "",
    born: Text = "",
    sex: Text = "",
    whole_patient: Text = "",
) -> Response:
    """Tell what differs from what is told by now, of the study or of all studies of its patient."""
    typed = {
        "PatientName": name,
        "PatientID": patient_id,
        "IssuerOfPatientID": issuer,
        "PatientBirthDate": born,
        "PatientSex": sex,
    }
    return tell(request, scope, study, typed, whole_patient=bool(whole_patient))


@router.post("/{study}/accession")
async def correct_accession(request: Request, scope: Corrector, study: str, accession: Text = "") -> Response:
    return tell(request, scope, study, {"AccessionNumber": accession}, whole_patient=False)


@router.post("/{study}/merge")
async def merge(request: Request, scope: Corrector, study: str, into: Text = "") -> Response:
    correcting().merge_patient(services(), scope, study, into, source_ip=client_address(request))
    return lead(request, f"/patients/{study}")


@router.post("/{study}/undo")
async def undo(request: Request, scope: Corrector, study: str) -> Response:
    correcting().undo_correction(services(), scope, study, source_ip=client_address(request))
    return lead(request, f"/patients/{study}")


def tell(request: Request, scope: Scope, study: str, typed: dict[str, str], *, whole_patient: bool) -> Response:
    told: dict[str, Any] = correcting().read_patient(services(), scope, study)
    if differing := changed(told["patient"], typed):
        correcting().correct_patient(
            services(), scope, study, differing, whole_patient=whole_patient, source_ip=client_address(request)
        )
    return lead(request, f"/patients/{told['code']}")


def patient_of(scope: Scope, study: str) -> str:
    return str(correcting().find_study(services(), scope, study)["patient_key"])


def correcting() -> "ModuleType":
    """The module behind it, which brings pydicom: no other page needs that."""
    from pacs.reading import patients

    return patients
