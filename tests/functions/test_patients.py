"""Whose a study is: corrected, merged, taken back; the same everywhere that anything of it is told."""

import io
from collections.abc import Callable
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from sqlalchemy import text

from pacs.archive.deriving import derive_series
from pacs.archive.lookup import Level, find_instances
from pacs.archive.trash import delete_instances, purge_deleted, undelete_instances
from pacs.people.scope import Scope
from pacs.reporting.documents import document_of
from pacs.reporting.drafts import create_draft
from tests.functions.doors import TurnedClock
from tests.functions.test_privacy import instance_path, read, token_of, told_of

NEW = {"PatientName": "Yılmaz^Gülşah", "PatientID": "TR-7", "AccessionNumber": "A77"}


def code_of(clinic: Any, study: str) -> str:
    rows = clinic.services.database.fetch(
        text("select code from studies where study_instance_uid = :study"), {"study": study}
    )
    return str(rows[0]["code"]) if rows else "22222222"


def patient(clinic: Any, method: str, study: str, body: Any = None, scope: Scope | None = None) -> Any:
    path = f"/api/studies/{code_of(clinic, study)}/patient"
    return clinic.client.request(method, path, headers=clinic.bearer(scope), json=body)


def other(sample: Callable[[str], bytes], **attributes: str) -> bytes:
    """A study of another patient."""
    dataset = pydicom.dcmread(io.BytesIO(sample("CT_small.dcm")))
    for name, value in {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", **attributes}.items():
        setattr(dataset, name, value)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = dataset.StudyInstanceUID + ".5"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def names(clinic: Any, **query: str) -> list[str]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return [each["00100010"]["Value"][0]["Alphabetic"] for each in clinic.get(f"/studies?{asked}").json()]


def file_of(clinic: Any, stored: Any, **headers: str) -> Dataset:
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"
    answer = clinic.get(path, **{"Accept": "application/dicom", **headers})
    assert answer.status_code == 200
    return pydicom.dcmread(io.BytesIO(answer.content))


def metadata(clinic: Any, stored: Any) -> Any:
    return clinic.get(f"/studies/{stored.study}/metadata").json()[0]


def test_a_correction_is_told_everywhere_and_the_original_stays(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    series = (clinic.made.organization_id, stored.study, stored.series)
    assert derive_series(clinic.services, [series]) == {}
    [original] = [clinic.services.originals.get(each.key)[1] for each in clinic.services.originals.scan()]
    path = f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"
    before = clinic.get(path, Accept="application/dicom")
    answer = patient(clinic, "PUT", stored.study, {"attributes": NEW})
    assert answer.status_code == 200
    assert answer.json()["patient"] | NEW == answer.json()["patient"]
    assert answer.json()["original"]["PatientName"] == "CompressedSamples^CT1"
    assert [each["deed"] for each in answer.json()["history"]] == ["correct"]
    assert names(clinic, PatientName="*gulsah*") == names(clinic, PatientID="TR-7") == [NEW["PatientName"]]
    assert names(clinic, PatientName="compressed*") == names(clinic, PatientID="1CT1") == []
    told = metadata(clinic, stored)
    assert told["00100020"]["Value"] == ["TR-7"]
    file = file_of(clinic, stored)
    assert (str(file.PatientName), file.PatientID, file.AccessionNumber) == tuple(NEW.values())
    was = file.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert str(was.PatientName) == "CompressedSamples^CT1"
    assert told["04000561"] == pydicom.Dataset.to_json_dict(file)["04000561"]
    assert file.PixelData == pydicom.dcmread(io.BytesIO(original)).PixelData
    transcoded = file_of(clinic, stored, Accept="application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90")
    assert transcoded.PatientID == "TR-7"
    parts = clinic.get(f"/studies/{stored.study}", Accept='multipart/related; type="application/dicom"').content
    assert b"TR-7" in parts and parts.count("Gülşah".encode()) == 1
    again = clinic.get(path, Accept="application/dicom", **{"If-None-Match": before.headers["etag"]})
    assert again.status_code == 200 and again.headers["etag"] != before.headers["etag"]
    [kept] = [clinic.services.originals.get(each.key)[1] for each in clinic.services.originals.scan()]
    assert kept == original
    report = create_draft(clinic.services, clinic.scope, code_of(clinic, stored.study), machine="model")
    assert document_of(clinic.services, clinic.scope, report["id"]).study["PatientID"] == "TR-7"


def test_links_with_privacy_tell_neither_name(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    patient(clinic, "PUT", stored.study, {"attributes": NEW})
    token = token_of(clinic, stored.study)
    told = told_of(clinic, token)
    [document] = read(clinic, token, f"/studies/{told.study}/metadata").json()
    assert "04000561" not in document and "Value" not in document["00100010"]
    body = read(clinic, token, instance_path(told), Accept="application/dicom").content
    assert document["00100020"]["Value"] == [pydicom.dcmread(io.BytesIO(body)).PatientID]
    for secret in ("Yılmaz", "Gülşah", "TR-7", "A77", "Compressed", "1CT1"):
        assert secret.encode() not in body


def test_indexing_again_and_coming_back_lose_nothing_and_undoing_tells_the_originals(
    clinic: Any, sample: Callable[[str], bytes]
) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    patient(clinic, "PUT", stored.study, {"attributes": NEW})
    clinic.index()
    assert names(clinic) == [NEW["PatientName"]]
    delete_instances(clinic.services, clinic.scope, Level(stored.study))
    undelete_instances(clinic.services, clinic.scope, Level(stored.study))
    clinic.index()
    assert names(clinic) == [NEW["PatientName"]]
    assert metadata(clinic, stored)["00100020"]["Value"] == ["TR-7"]
    undone = patient(clinic, "DELETE", stored.study)
    assert (undone.status_code, undone.json()["patient"]) == (200, undone.json()["original"])
    assert names(clinic, PatientID="1CT1") == ["CompressedSamples^CT1"]
    assert "04000561" not in metadata(clinic, stored) and "04000561" not in file_of(clinic, stored)
    assert patient(clinic, "DELETE", stored.study).status_code == 409
    clinic.index()
    assert names(clinic, PatientID="1CT1") == ["CompressedSamples^CT1"]
    keys = clinic.services.database.fetch(text("select patient_key from patients"))
    assert [each["patient_key"] for each in keys] == ['["", "1CT1"]']


def test_what_was_told_instead_goes_with_the_study_for_good(
    clinic: Any, clock: TurnedClock, sample: Callable[[str], bytes]
) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    right = clinic.add(other(sample, PatientID="B"))
    patient(clinic, "POST", stored.study, {"into": code_of(clinic, right.study)})
    delete_instances(clinic.services, clinic.scope, Level(stored.study))
    kept = text("select count(*) as rows from patient_corrections full join patient_merges using (deed_id)")
    assert purge_deleted(clinic.services) == {"purged": 0}
    assert clinic.services.database.fetch(kept) == [{"rows": 1}]
    clock.pass_s(31 * 24 * 3600)
    assert purge_deleted(clinic.services) == {"purged": 1}
    assert clinic.services.database.fetch(kept) == [{"rows": 0}]


def test_all_studies_of_a_patient_are_merged_into_another_and_part_again(
    clinic: Any, sample: Callable[[str], bytes]
) -> None:
    wrong = [clinic.add(other(sample, StudyInstanceUID=uid, PatientID="X")) for uid in ("1.2.3", "1.2.4")]
    right = clinic.add(other(sample, StudyInstanceUID="1.2.5", PatientID="B", PatientName="Dogru^Ad", PatientSex="F"))
    answer = patient(clinic, "POST", wrong[0].study, {"into": code_of(clinic, right.study)})
    assert answer.status_code == 200
    assert names(clinic, PatientID="B") == ["Dogru^Ad"] * 3
    item = file_of(clinic, wrong[1]).OriginalAttributesSequence[0]
    assert (item.ReasonForTheAttributeModification, item.ModifiedAttributesSequence[0].PatientID) == ("COERCE", "X")
    assert "OriginalAttributesSequence" not in file_of(clinic, right)
    again = patient(clinic, "POST", wrong[0].study, {"into": code_of(clinic, right.study)})
    assert (again.status_code, again.json()["field"]) == (409, "into")
    assert patient(clinic, "DELETE", wrong[1].study).status_code == 200
    assert len(names(clinic, PatientID="X")) == 2 and len(names(clinic, PatientID="B")) == 1
    done = clinic.services.database.fetch(
        text("select subject, study_instance_uid as study from audit where action = 'correct-patient' order by id")
    )
    assert [each["study"] for each in done] == ["1.2.3", "1.2.4"] * 2
    fields = "PatientName, PatientID, IssuerOfPatientID, PatientBirthDate, PatientSex"
    assert [each["subject"] for each in done] == [f"merge: {fields}"] * 2 + ["undo"] * 2


def test_studies_that_arrive_later_follow_a_merge_until_it_is_taken_back(
    clinic: Any, sample: Callable[[str], bytes]
) -> None:
    def arrives(uid: str, number: str, name: str = "Yanlis^Ad") -> Any:
        return clinic.add(other(sample, StudyInstanceUID=uid, PatientID=number, PatientName=name))

    def merge(study: Any, into: Any) -> None:
        assert patient(clinic, "POST", study.study, {"into": code_of(clinic, into.study)}).status_code == 200

    first, second, third = arrives("1.2.3", "A"), arrives("1.2.4", "B", "Iki^Ad"), arrives("1.2.5", "C", "Dogru^Ad")
    merge(first, second)
    later = arrives("1.2.6", "A")
    assert names(clinic, PatientID="B") == ["Iki^Ad"] * 3 and not names(clinic, PatientID="A")
    assert (file_of(clinic, later).PatientID, metadata(clinic, later)["00100020"]["Value"]) == ("B", ["B"])
    followed = text("select role, study_instance_uid as study from audit where subject = 'merge: followed on arrival'")
    assert clinic.services.database.fetch(followed) == [{"role": "system", "study": "1.2.6"}]
    clinic.index()
    assert len(clinic.services.database.fetch(followed)) == 1
    # The other number is merged on: what comes under the first one follows both deeds.
    merge(second, third)
    latest = arrives("1.2.7", "A")
    assert names(clinic, PatientID="C") == ["Dogru^Ad"] * 5
    assert [each["deed"] for each in patient(clinic, "GET", latest.study).json()["history"]] == ["merge"] * 2
    # Taking back the last deed tells the originals of all its studies, so that nothing is left of the first one.
    assert patient(clinic, "DELETE", latest.study).status_code == 200
    assert len(names(clinic, PatientID="A")) == 3 and len(names(clinic, PatientID="C")) == 1
    arrives("1.2.8", "A")
    arrives("1.2.9", "B")
    assert len(names(clinic, PatientID="A")) == 4 and len(names(clinic, PatientID="B")) == 2


def test_a_merge_of_one_branch_is_followed_in_that_branch_and_outlives_what_was_put_right_alone(
    clinic: Any, sample: Callable[[str], bytes]
) -> None:
    first = clinic.add(other(sample, StudyInstanceUID="1.2.3", PatientID="A"))
    second = clinic.add(other(sample, StudyInstanceUID="1.2.4", PatientID="A"))
    right = clinic.add(other(sample, StudyInstanceUID="1.2.5", PatientID="B"))
    centre = Scope(clinic.made.organization_id, "centre", (clinic.made.branch_id,), member_id="m")
    into = {"into": code_of(clinic, right.study)}
    assert patient(clinic, "POST", first.study, into, centre).status_code == 200
    # One of its studies is corrected and taken back alone; the merge stands for the others.
    patient(clinic, "PUT", second.study, {"attributes": NEW}, centre)
    patient(clinic, "DELETE", second.study, None, centre)
    assert len(names(clinic, PatientID="B")) == 2
    clinic.add(other(sample, StudyInstanceUID="1.2.6", PatientID="A"))
    assert len(names(clinic, PatientID="B")) == 3
    elsewhere = text("update patient_merges set branches = array[gen_random_uuid()]")
    clinic.services.database.fetch(elsewhere)
    clinic.add(other(sample, StudyInstanceUID="1.2.7", PatientID="A"))
    assert len(names(clinic, PatientID="B")) == 3 and len(names(clinic, PatientID="A")) == 2


def test_values_that_no_dataset_may_have_are_refused(clinic: Any, sample: Callable[[str], bytes]) -> None:
    study = clinic.add(sample("CT_small.dcm")).study
    refused = {
        "PatientID": ("", "a\\b", "a" * 65),
        "PatientBirthDate": ("20200230", "1.1.2020"),
        "PatientSex": ("X",),
        "AccessionNumber": ("a" * 17,),
        "PatientName": ("", "a=b=c=d", "a\nb"),
    }
    for field, values in refused.items():
        for value in values:
            answer = patient(clinic, "PUT", study, {"attributes": {field: value}})
            assert (answer.status_code, answer.json()["field"]) == (400, field)
            assert not value or value not in answer.json()["message"]
    for attributes in ({}, {"StudyDate": "20200101"}):
        answer = patient(clinic, "PUT", study, {"attributes": attributes})
        assert (answer.status_code, answer.json()["field"]) == (400, "attributes")
    assert patient(clinic, "PUT", "1.2.9", {"attributes": NEW}).status_code == 404


def test_only_those_who_may_correct_do_and_what_is_not_corrected_costs_no_statement(
    clinic: Any, sample: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    reader = Scope(clinic.made.organization_id, "radiologist", (clinic.made.branch_id,))
    assert patient(clinic, "PUT", stored.study, {"attributes": NEW}, reader).status_code == 403
    asked: list[str] = []
    database, fetch = clinic.services.database, type(clinic.services.database).fetch

    def noted(self: Any, statement: Any, parameters: Any = None) -> Any:
        asked.append(str(statement))
        return fetch(self, statement, parameters)

    monkeypatch.setattr(type(database), "fetch", noted)
    find_instances(database, clinic.scope, Level(stored.study))
    assert len(asked) == 1
