"""What leaves the house of a study: nothing that names anybody, in no word and in no pixel."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid
from sqlalchemy import text

from pacs.ai.context import age_of, case_of
from pacs.ai.previews import Chosen, choose
from pacs.archive.masks import NewMask, add_mask
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.reading.patients import correct_patient
from tests.ai.pictures import (
    PDF,
    SECONDARY,
    SR,
    STUDY,
    ct,
    filed,
    markers,
    opened,
    picture,
    selection,
    video,
    without_pixels,
)
from tests.functions.planted import NEEDLES, planted


def store(archive: Any, *bodies: bytes) -> list[str]:
    """Store and index; returns their SOP Instance UIDs."""
    stored = [archive.store(each) for each in bodies]
    assert archive.index() == {}
    return [each.sop_instance_uid for each in stored]


def code_of(archive: Any) -> str:
    [row] = archive.database.fetch(text("select code from studies"))
    return str(row["code"])


def chosen(archive: Any, most: int = 8, most_px: int = 512) -> Chosen:
    return choose(archive, archive.scope, STUDY, most=most, most_px=most_px)


def test_nothing_that_is_planted_is_told(archive: Any, sample: Callable[[str], bytes]) -> None:
    """In every attribute of the standard, in private ones, and in sequences."""
    stored = archive.store(planted(dcmread(io.BytesIO(sample("CT_small.dcm")))))
    assert archive.index() == {}
    case = case_of(archive, archive.scope, stored.study)
    told = json.dumps(case.told()).encode() + repr(case).encode()
    found = choose(archive, archive.scope, stored.study, most=8, most_px=512)
    pictures = b"".join(each.jpeg for each in found.previews)
    assert pictures
    for needle in (*NEEDLES, stored.study.encode(), stored.series.encode(), stored.sop_instance_uid.encode()):
        assert needle not in told and needle not in pictures
    assert case.told()["age_years"] == 47 and case.told()["modalities"] == ["CT"]


def of_isil(sample: Callable[[str], bytes]) -> bytes:
    """A slice in whose descriptions stands of whom, by whom and where it was made."""
    other, twin = Dataset(), Dataset()
    other.PatientID, twin.PatientName = "TC10000000146", "GÜNEŞ^ECE"
    return ct(
        sample,
        SpecificCharacterSet="ISO_IR 192",
        PatientName="ÇAĞLAR^IŞIL",
        PatientID="KB-7",
        OtherPatientIDsSequence=Sequence([other]),
        PatientBirthDate="19790305",
        PatientAge="047Y",
        PatientSex="F",
        AccessionNumber="AC 55",
        ReferringPhysicianName="Kol^Abdullah",
        PerformingPhysicianName="Beyin^Deniz",
        OperatorsName="EL",
        InstitutionName="Kalp Hastanesi",
        StationName="CT99",
        ReferencedPatientSequence=Sequence([twin]),
        StudyDescription="Işıl Çağlar BT Toraks 05.03.1979 KB7 TC 10000000146 Dr.Kol Beyin",
        SeriesDescription="EL CT99 Kalp 1.0 B60s Hastanesi Ece G. 0532 123 45 67",
        BodyPartExamined="CHEST CAGLAR",
        ProtocolName="ISIL",
    )


def test_descriptions_are_told_without_the_people_numbers_and_places_of_the_study(
    archive: Any, sample: Callable[[str], bytes]
) -> None:
    store(archive, of_isil(sample))
    case = case_of(archive, archive.scope, STUDY)
    assert case.told() == {
        "modalities": ["CT"],
        "body_part": "CHEST",
        "sex": "female",
        "age_years": 47,
        "description": "BT Toraks Dr",
        "series": [{"number": 1, "modality": "CT", "body_part": "CHEST", "description": "Kalp 1.0 B60s", "images": 1}],
    }
    assert "ÇAĞLAR^IŞIL" in case.identifiers and "GÜNEŞ^ECE" in case.identifiers
    assert "ÇAĞLAR" not in repr(case)


@pytest.mark.parametrize(
    ("age", "born", "told"),
    [
        ("054Y", "", 54),
        ("104Y", "", 90),
        ("007M", "", 0),
        ("019M", "", 1),
        ("", "19100101", 90),
        ("", "19500102", 54),
        ("000Y", "19500101", 55),
        ("", "", None),
        ("", "20300101", None),
        ("old", "1950", None),
    ],
)
def test_ages_are_told_in_years_and_those_above_90_as_90(age: str, born: str, told: int | None) -> None:
    def attribute(value: str) -> dict[str, Any]:
        return {"vr": "AS", "Value": [value]} if value else {"vr": "AS"}

    study = {"00101010": attribute(age), "00100030": attribute(born), "00080020": attribute("20050101")}
    assert age_of(study) == told


def test_what_was_corrected_is_as_secret_as_what_is_told_instead(archive: Any, sample: Callable[[str], bytes]) -> None:
    store(archive, ct(sample, PatientName="ROSE^GRAY", PatientID="K99", StudyDescription="Rose Gray Orbital chest"))
    correct_patient(archive, archive.scope, code_of(archive), {"PatientName": "ORBITAL^STONE"})
    assert case_of(archive, archive.scope, STUDY).description == "chest"


def test_others_find_no_study(archive: Any, sample: Callable[[str], bytes]) -> None:
    store(archive, ct(sample))
    for scope in (
        Scope("00000000-0000-4000-8000-000000000000", "admin"),
        replace(archive.scope, branches=()),
        replace(archive.scope, studies=()),
    ):
        for known in (STUDY, code_of(archive)):
            with pytest.raises(NotFound):
                case_of(archive, scope, known)
            with pytest.raises(NotFound):
                choose(archive, scope, known, most=8, most_px=512)
    assert case_of(archive, archive.scope, code_of(archive).lower()).modalities == ("CT",)


def test_pictures_are_small_jpeg_files_and_nothing_else(archive: Any, sample: Callable[[str], bytes]) -> None:
    store(archive, ct(sample, BodyPartExamined="CHEST"))
    small, large = chosen(archive, most_px=64), chosen(archive, most_px=4096)
    assert [each.number for each in small.previews] == [1, 2]
    assert [(each.series, each.frame, each.window, each.why) for each in small.previews] == [
        (1, 1, "lung", "middle"),
        (1, 1, "soft tissue", "middle"),
    ]
    for found, side in ((small, 64), (large, 128)):
        for each in found.previews:
            image = Image.open(io.BytesIO(each.jpeg))
            assert (image.format, image.size) == ("JPEG", (side, side)), "made smaller, never larger"
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert markers(each.jpeg) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}, "no comments, no Exif, no profiles"
    lung, soft = (opened(each.jpeg).mean() for each in large.previews)
    assert abs(lung - soft) > 20


def test_names_in_pictures_are_masked_or_the_picture_is_left_out(archive: Any, sample: Callable[[str], bytes]) -> None:
    burnt = np.full((100, 100, 3), (0, 0, 200), np.uint8)
    burnt[5:15, 5:60] = 255  # a name
    ultrasound, capture = (
        picture(sample, burnt, BurnedInAnnotation="YES", Manufacturer="GE Healthcare"),
        picture(sample, burnt, SOPClassUID=SECONDARY, Modality="OT"),
    )
    said = picture(sample, np.full((90, 90), 77, np.uint8), BurnedInAnnotation="YES", Modality="CR")
    store(archive, ultrasound, capture, said)
    assert chosen(archive) == Chosen((), {"may_name_somebody": 3})
    mask = NewMask("US", 100, 100, [(0, 0, 100, 20)], "ge healthcare")
    add_mask(archive.database, archive.scope, mask)
    found = chosen(archive)
    assert found.left_out == {"may_name_somebody": 2}
    [only] = found.previews
    pixels = opened(only.jpeg)
    assert pixels[:16].max() < 24, "blank where the mask is"
    assert np.abs(pixels[28:] - (0, 0, 200)).max() < 24, "and in its colours everywhere else"


def test_what_is_no_image_is_left_out_and_counted(archive: Any, sample: Callable[[str], bytes]) -> None:
    grey = np.full((64, 64), 100, np.uint8)
    bodies = [
        ct(sample, SeriesInstanceUID=generate_uid(), SeriesDescription="Topogram 0.6", SeriesNumber=1),
        ct(sample, SeriesInstanceUID=generate_uid(), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesNumber=2),
        ct(sample, SeriesInstanceUID=generate_uid(), SeriesDescription="Dose Report", SeriesNumber=3),
        ct(sample, SeriesInstanceUID=generate_uid(), SeriesNumber=4),
        picture(sample, grey, Modality="SEG", SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", SeriesNumber=5),
        without_pixels(sample, Modality="SR", SOPClassUID=SR, SeriesNumber=6),
        without_pixels(sample, Modality="DOC", SOPClassUID=PDF, SeriesNumber=7),
        video(sample),
    ]
    store(archive, *bodies)
    found = chosen(archive)
    assert found.left_out == {"derived": 1, "document": 2, "dose_report": 1, "localizer": 2, "video": 1}
    assert {each.series for each in found.previews} == {4}


def test_key_images_come_first_and_rejected_ones_not_at_all(archive: Any, sample: Callable[[str], bytes]) -> None:
    series = generate_uid()
    uids = store(archive, *(ct(sample, SeriesInstanceUID=series, InstanceNumber=each) for each in range(1, 10)))
    store(archive, selection(sample, "113000", uids[1]), selection(sample, "113001", uids[4]))
    found = chosen(archive, most=4)
    looked_at = {each.sop_instance_uid: each.why for each in found.previews}
    assert looked_at[uids[1]] == "key image"
    assert uids[4] not in looked_at
    assert len(looked_at) == 2
    assert found.left_out == {"document": 2, "not_chosen": 6, "rejected": 1}


class Noted:
    """A store that keeps which objects were read."""

    def __init__(self, store: Any) -> None:
        self.store, self.keys = store, set[str]()

    def __getattr__(self, name: str) -> Any:
        def noted(key: str, *arguments: Any, **options: Any) -> Any:
            self.keys.add(key)
            return getattr(self.store, name)(key, *arguments, **options)

        return noted


def test_of_many_images_only_those_that_are_chosen_are_read(archive: Any, sample: Callable[[str], bytes]) -> None:
    series = generate_uid()
    store(archive, *(ct(sample, SeriesInstanceUID=series, InstanceNumber=each) for each in range(1, 51)))
    archive.originals = Noted(archive.originals)
    found = chosen(archive, most=6)
    read = {key.rpartition("/")[2].removesuffix(".dcm") for key in archive.originals.keys}
    assert read == {each.sop_instance_uid for each in found.previews} and len(read) == 3
    assert found.left_out == {"not_chosen": 47}


def test_every_view_of_a_mammography_is_whole_and_frames_of_a_loop_are_sampled(
    archive: Any, sample: Callable[[str], bytes]
) -> None:
    view = np.zeros((200, 100), np.uint8)
    view[:4], view[-4:] = 255, 255
    views = [
        picture(
            sample,
            view,
            Modality="MG",
            SOPClassUID=f"1.2.840.10008.5.1.4.1.1.1.2{raw}",
            SeriesNumber=each + 10 * len(raw),
        )
        for raw in (".1", "")
        for each in (1, 2, 3, 4)
    ]
    loop = np.stack([np.full((80, 80, 3), 12 * each, np.uint8) for each in range(20)])
    cine = picture(sample, loop, SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1", BurnedInAnnotation="NO", SeriesNumber=5)
    store(archive, *views, cine)
    found = chosen(archive, most=7, most_px=100)
    assert found.left_out == {"raw": 4}
    assert [(each.series, each.why) for each in found.previews[:4]] == [(each, "every view") for each in (1, 2, 3, 4)]
    for each in found.previews[:4]:
        pixels = opened(each.jpeg)
        assert pixels.shape == (100, 50, 3) and pixels[0].min() > 128 and pixels[-1].min() > 128, "edge to edge"
    assert [(each.frame, each.why) for each in found.previews[4:]] == [
        (4, "evenly spaced"),
        (11, "middle"),
        (17, "evenly spaced"),
    ]
    assert [round(opened(each.jpeg).mean() / 12) for each in found.previews[4:]] == [3, 10, 16]


def test_what_cannot_be_drawn_is_counted_and_keeps_nothing_else_back(
    archive: Any, sample: Callable[[str], bytes]
) -> None:
    broken = dcmread(io.BytesIO(ct(sample, SeriesInstanceUID=generate_uid())))
    broken.PixelData = encapsulate([b"no JPEG at all "])
    broken["PixelData"].is_undefined_length = True
    broken.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.70")
    cut = ct(sample, SeriesInstanceUID=generate_uid())[:-9000]
    store(archive, filed(broken), cut, ct(sample, SeriesInstanceUID=generate_uid()))
    found = chosen(archive)
    assert len(found.previews) == 2 and found.left_out == {"unreadable": 2}
