"""Files that people bring: DICOM as it is, pictures wrapped, zips opened; in parts that go on where they were."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from pacs.errors import BadRequest, Conflict, InvalidInstance, NotFound
from pacs.people.scope import Scope
from pacs.reading import uploads
from pacs.reading.arriving import Arrival, ReceivedFile, branch_for, codes_of, take_files
from pacs.reading.pruning import KEPT, prune_uploads
from pacs.reading.studies import find_study

Sample = Callable[[str], bytes]
TYPED = {"patient_name": "Ayşe Yılmaz", "modality": "XRAY", "patient_age": "45", "urgent": "true"}


def jpeg() -> bytes:
    target = BytesIO()
    Image.new("RGB", (20, 10), "red").save(target, "JPEG")
    return target.getvalue()


def test_pictures_and_documents_become_one_study_with_a_code(clinic: Any) -> None:
    files = [ReceivedFile("a.jpg", jpeg()), ReceivedFile("b.jpg", jpeg()), ReceivedFile("rapor.pdf", b"%PDF-1.4 x")]
    taken = take_files(clinic.services, clinic.scope, files, Arrival("batch", typed=TYPED))
    [study] = codes_of(clinic.services, clinic.scope, taken.studies)
    told = find_study(clinic.services, clinic.scope, study["code"])
    assert (told["patient_name"], told["patient_age"], told["urgent"]) == ("Yılmaz^Ayşe", "045Y", True)
    assert told["modalities"] == ["DOC", "DX"] and told["number_of_instances"] == 3


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"modality": "CT"}, "patient_name"),
        ({**TYPED, "modality": "röntgen?"}, "modality"),
        ({**TYPED, "patient_age": "old"}, "patient_age"),
        ({**TYPED, "patient_sex": "X"}, "patient_sex"),
        ({**TYPED, "patient_birth_date": "1.1.1970"}, "patient_birth_date"),
        ({**TYPED, "patient_id": "a\\b"}, "patient_id"),
    ],
)
def test_errors_name_the_field(clinic: Any, typed: dict[str, str], field: str) -> None:
    with pytest.raises(BadRequest) as told:
        take_files(clinic.services, clinic.scope, [ReceivedFile("a.jpg", jpeg())], Arrival("batch", typed=typed))
    assert told.value.field == field


def test_what_cannot_be_taken_is_refused(clinic: Any) -> None:
    with pytest.raises(InvalidInstance):
        take_files(clinic.services, clinic.scope, [ReceivedFile("x.txt", b"hello")], Arrival("batch"))
    with pytest.raises(NotFound):
        branch_for(clinic.services, clinic.scope, "NOWHERE")
    assert branch_for(clinic.services, clinic.scope, "merkez") == clinic.made.branch_id


def send_part(clinic: Any, upload: str, number: int, body: bytes) -> int:
    """Send a part as a browser does, to where the archive says."""
    [part] = uploads.sign_parts(clinic.services, clinic.scope, upload, [number])
    return int(clinic.client.post(part["url"], data=part["fields"], files={"file": body}).status_code)


def test_an_upload_goes_on_where_it_was(clinic: Any, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", 10_000)
    services, scope, body = clinic.services, clinic.scope, sample("CT_small.dcm")
    begun = uploads.begin_upload(services, scope, name="disk/CT 1.dcm", size_bytes=len(body), typed={})
    assert (begun["parts"], begun["received"]) == (4, [])
    for number in (1, 4, 1):
        send_part(clinic, begun["id"], number, body[(number - 1) * 10_000 : number * 10_000])
    assert send_part(clinic, begun["id"], 2, b"short") == 400
    for numbers in ([], [0], [5], [1] * 101):
        with pytest.raises(BadRequest):
            uploads.sign_parts(services, scope, begun["id"], numbers)
    with pytest.raises(Conflict):
        uploads.finish_upload(services, scope, begun["id"])
    assert uploads.read_upload(services, scope, begun["id"])["received"] == [1, 4]
    for number in (2, 3):
        send_part(clinic, begun["id"], number, body[(number - 1) * 10_000 : number * 10_000])
    done = uploads.finish_upload(services, scope, begun["id"])
    assert (done["state"], done["stored"], done["received"], len(done["studies"])) == ("stored", 1, [], 1)
    assert uploads.finish_upload(services, scope, begun["id"]) == done
    stranger = Scope(scope.organization_id, "admin", member_id="00000000-0000-4000-8000-000000000001")
    with pytest.raises(NotFound):
        uploads.read_upload(services, stranger, begun["id"])
    assert not list(services.exchange.scan("uploads/"))


def test_finishing_takes_as_long_as_it_may_and_goes_on(clinic: Any, sample: Sample) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name in ("CT_small.dcm", "MR_small.dcm"):
            target.writestr(name, sample(name))
        target.writestr("a.jpg", jpeg())
    services, scope, body = clinic.services, clinic.scope, packed.getvalue()
    begun = uploads.begin_upload(services, scope, name="disk.zip", size_bytes=len(body), typed={})
    send_part(clinic, begun["id"], 1, body)
    told = [uploads.finish_upload(services, scope, begun["id"], for_s=-1.0) for _ in range(3)]
    assert [(each["state"], each["stored"]) for each in told] == [("storing", 1), ("storing", 2), ("stored", 2)]
    assert (told[-1]["problems"][0]["name"], told[-1]["problems"][0]["code"]) == ("a.jpg", "BAD_REQUEST")


def test_an_upload_that_was_left_is_forgotten(clinic: Any, clock: Any) -> None:
    begun = uploads.begin_upload(clinic.services, clinic.scope, name="a", size_bytes=3, typed={})
    send_part(clinic, begun["id"], 1, b"abc")
    assert prune_uploads(clinic.services) == {"uploads": 0}
    clock.at += KEPT * 1000
    assert prune_uploads(clinic.services) == {"uploads": 1}
    assert not list(clinic.services.exchange.scan("uploads/"))
