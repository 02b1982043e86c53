"""The page on which a patient is corrected, merged after a look at both, and told as the original says again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from pacs.entry import noting
from pacs.people.scope import Scope
from pacs.reading.patients import read_patient
from tests.portal.people import code_of, member, named
from tests.portal.visits import send, show

EVIL = "<script>alert(1)</script>^A"


@dataclass(frozen=True)
class Two:
    """Two studies of one patient and one of another, and who may correct them."""

    clinic: Any
    codes: tuple[str, ...]
    centre: Scope

    def told(self, code: str) -> dict[str, str]:
        patient: dict[str, str] = read_patient(self.clinic.services, self.clinic.scope, code)["patient"]
        return patient

    def page(self, **query: str) -> str:
        address = f"/patients/{self.codes[0]}" + "".join(f"?{name}={value}" for name, value in query.items())
        answer = show(self.clinic, address, self.centre)
        assert answer.status_code == 200
        return str(answer.text)

    def send(self, deed: str, **form: str) -> Any:
        return send(self.clinic, f"/patients/{self.codes[0]}/{deed}", self.centre, **form)


@pytest.fixture
def two(clinic: Any, sample: Callable[[str], bytes]) -> Two:
    ct = sample("CT_small.dcm")
    for study, name, patient in (("1.2.81", EVIL, "P-1"), ("1.2.82", EVIL, "P-1"), ("1.2.83", "Kaya^Deniz", "P-2")):
        clinic.add(named(ct, study, name, patient=patient))
    codes = tuple(code_of(clinic, study) for study in ("1.2.81", "1.2.82", "1.2.83"))
    return Two(clinic, codes, member(clinic, "centre"))


def typed(**changes: str) -> dict[str, str]:
    return {"name": EVIL, "patient_id": "P-1", "issuer": "", "born": "", "sex": "O", **changes}


def test_a_patient_is_corrected_in_all_studies_or_in_one_and_it_is_taken_back(two: Two) -> None:
    assert "<script>alert" not in two.page() and "In all studies of this patient: 2" in two.page()
    corrected = two.send("correct", **typed(name="Yılmaz^Ayşe", born="1980-05-06"), whole_patient="1")
    assert corrected.headers["location"] == f"/patients/{two.codes[0]}"
    assert [two.told(code)["PatientName"] for code in two.codes] == ["Yılmaz^Ayşe", "Yılmaz^Ayşe", "Kaya^Deniz"]
    assert two.told(two.codes[0])["PatientBirthDate"] == "19800506"
    two.send("accession", accession="A-9")
    assert [two.told(code)["AccessionNumber"] for code in two.codes[:2]] == ["A-9", ""]
    page = two.page()
    assert "May 6, 1980" in page and "<mark><bdi>&lt;script&gt;" in page and ">Centre<" in page
    two.send("accession", accession="A-9")  # as it is already
    assert two.page().count("Corrected</td>") == 2
    assert two.send("correct", **typed(name="")).status_code == 400
    assert two.send("undo").status_code == 303
    assert two.told(two.codes[0])["PatientName"] == EVIL and "Taken back</td>" in two.page()
    assert two.send("undo").status_code == 409


def test_patients_are_merged_after_a_look_at_both(two: Two) -> None:
    page = two.page(into=two.codes[2].lower())
    assert "Merge patients?" in page and "Kaya^Deniz" in page and f'/patients/{two.codes[0]}/merge"' in page
    assert two.told(two.codes[0])["PatientID"] == "P-1"
    assert "already" in two.page(into=two.codes[1])
    two.send("merge", into=two.codes[2])
    assert [two.told(code)["PatientID"] for code in two.codes] == ["P-2"] * 3
    assert "Merged</td>" in two.page()


def test_whoever_opens_the_page_of_a_patient_is_in_the_audit_once(two: Two) -> None:
    noting.known.clear()
    seen = text(
        "select study_instance_uid as study from audit where action = 'view' and member_id = :member order by id"
    )
    two.page()
    two.page(into=two.codes[2])
    two.page()
    rows = two.clinic.services.database.fetch(seen, {"member": two.centre.member_id})
    assert [row["study"] for row in rows] == ["1.2.81", "1.2.83"]


def test_others_studies_are_not_there_and_readers_see_no_way_in(clinic: Any, two: Two) -> None:
    stranger = replace(two.centre, branches=())
    path = f"/patients/{two.codes[0]}"
    assert show(clinic, path, stranger).status_code == 404
    assert show(clinic, f"{path}?into=22222222", two.centre).status_code == 404
    for deed in ("correct", "accession", "merge", "undo"):
        assert send(clinic, f"{path}/{deed}", stranger, into=two.codes[2]).status_code == 404
    assert f'href="{path}"' in show(clinic, "/worklist", two.centre).text
    assert f'href="{path}"' in show(clinic, f"/viewer/{two.codes[0]}", two.centre).text
    reader = member(clinic, "radiologist")
    assert path not in show(clinic, "/worklist", reader).text and show(clinic, path, reader).status_code == 403
