"""Searching over real rows: order, pages, and attributes that only the stored metadata has."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.uid import generate_uid

from pacs.archive.pages import Page, search_page
from pacs.dicom.attributes import Level
from pacs.dicomweb.query import LEVELS, parse_query

Sample = Callable[[str], bytes]


def made(body: bytes, *, new: bool = True, **attributes: Any) -> bytes:
    """The same file with other values of these attributes, in a study of its own when `new`."""
    dataset = dcmread(BytesIO(body))
    if new:
        dataset.StudyInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def page(archive: Any, level: Level, *pairs: tuple[str, str]) -> Page:
    return search_page(archive, archive.scope, parse_query(level, pairs, {}))


def values(found: Page, tag: str) -> list[Any]:
    return [item[tag].get("Value", [None])[0] for item in found.items]


@pytest.fixture
def three(archive: Any, sample: Sample) -> Any:
    """Three studies of one day, described by a, b and c."""
    for number, letter in enumerate("bca"):
        archive.store(made(sample("CT_small.dcm"), StudyDescription=letter, StudyTime=f"1{number}0000"))
    assert archive.index() == {}
    return archive


@pytest.mark.parametrize(
    ("orderby", "letters"),
    [
        ("StudyDescription", "abc"),
        ("-00081030", "cba"),
        ("StudyDate,-StudyTime", "acb"),
        ("PatientID,StudyTime", "bca"),
    ],
)
def test_answers_come_in_the_order_asked_for(three: Any, orderby: str, letters: str) -> None:
    found = page(three, "study", ("orderby", orderby))
    assert values(found, "00081030") == list(letters)


def test_a_page_tells_whether_there_is_more(three: Any) -> None:
    by_letter = ("orderby", "StudyDescription")
    first = page(three, "study", by_letter, ("limit", "2"))
    last = page(three, "study", by_letter, ("limit", "2"), ("offset", "2"))
    assert (values(first, "00081030"), first.more) == (["a", "b"], True)
    assert (values(last, "00081030"), last.more) == (["c"], False)
    assert page(three, "study", ("limit", "3")).more is False
    assert page(three, "study", ("limit", "0")) == Page([], True)


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_attributes_that_only_the_metadata_has_are_given_when_asked_for(
    archive: Any, sample: Sample, level: Level
) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99", "Thorax"
    archive.store(made(sample("CT_small.dcm"), PatientWeight=70, ProcedureCodeSequence=[code]))
    archive.index()
    (plain,) = page(archive, level).items
    assert "00101030" not in plain
    include = ("includefield", "PatientWeight,00081032.CodeMeaning,OperatorsName")
    (item,) = page(archive, level, include).items
    assert item["00101030"] == {"vr": "DS", "Value": [70]}
    assert item["00081032"]["Value"][0]["00080104"]["Value"] == ["Thorax"]
    assert item["00081032"]["Value"][0]["00080100"]["Value"] == ["1"]
    assert "00081070" not in item


def test_everything_of_an_instance_and_nothing_of_an_instance_for_its_study(archive: Any, sample: Sample) -> None:
    archive.store(made(sample("CT_small.dcm")))
    archive.index()
    (instance,) = page(archive, "instance", ("includefield", "all")).items
    assert instance["00180050"]["Value"] == [5]
    assert "BulkDataURI" in instance["7FE00010"]
    assert "00081190" in instance
    (study,) = page(archive, "study", ("includefield", "all")).items
    assert "00180050" not in study
    assert "00080080" in study


def test_lost_metadata_are_read_from_the_original(archive: Any, sample: Sample) -> None:
    archive.store(made(sample("CT_small.dcm"), PatientWeight=70))
    archive.index()
    archive.derived.delete_prefix("metadata/")
    (item,) = page(archive, "study", ("includefield", "PatientWeight")).items
    assert item["00101030"]["Value"] == [70]


def requested(step: str, procedure: str) -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = step, procedure
    return item


@pytest.mark.parametrize("level", ["study", "series", "instance"])
@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [
        ("00400275.00400009", "SPS2", True),
        ("00400275.00400009", "sps*", True),
        ("00400275.00400009", "PS2", False),
        ("00400275.00400009", "X\\\\SPS1", True),
        ("RequestAttributesSequence.RequestedProcedureID", "R_1", True),
        ("RequestAttributesSequence.RequestedProcedureID", "RX1", False),
        ("TimezoneOffsetFromUTC", "+0300", True),
        ("Modality", "CT", True),
        ("ModalitiesInStudy", "MR,CT", True),
        ("ModalitiesInStudy", "MR", False),
        ("NumberOfStudyRelatedInstances", "1", True),
    ],
)
def test_keys_of_every_level_and_of_items_match_at_every_level(
    archive: Any, sample: Sample, level: Level, name: str, value: str, matches: bool
) -> None:
    requests = [requested("SPS1", "R_1"), requested("SPS2", "R2")]
    archive.store(made(sample("CT_small.dcm"), RequestAttributesSequence=requests, TimezoneOffsetFromUTC="+0300"))
    archive.index()
    assert len(page(archive, level, (name, value)).items) == matches


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("step", "procedure", "matches"),
    [
        ("SPS1", "R1", True),
        ("SPS2", "R2", True),
        ("SPS3", "R*", False),
        ("SPS1", "R2", False),
        ("SPS*", "r2", True),
        ("SPS1\\SPS2", "?2", True),
        ("SPS1\\SPS3", "R2", False),
        ("*", "R2", True),
    ],
)
def test_keys_of_a_sequence_match_in_one_item_of_it(
    archive: Any, sample: Sample, level: Level, step: str, procedure: str, matches: bool
) -> None:
    """Source: PS3.4 §C.2.2.2.6"""
    alone = Dataset()
    alone.ScheduledProcedureStepID = "SPS3"
    requests = [requested("SPS1", "R1"), alone, requested("SPS2", "R2")]
    archive.store(made(sample("CT_small.dcm"), RequestAttributesSequence=requests))
    archive.index()
    keys = (("00400275.00400009", step), ("00400275.00401001", procedure))
    assert len(page(archive, level, *keys).items) == matches


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("step", "procedure", "found"),
    [
        ('""', None, "ac"),
        (None, '""', "bc"),
        ('""', "R2", "a"),
        ('""', "R1", ""),
        ("SPS3", '""', "b"),
        ("SPS1", '""', ""),
        ('""', '""', "c"),
    ],
)
def test_what_is_empty_in_one_item_is_found(
    archive: Any, sample: Sample, level: Level, step: str | None, procedure: str | None, found: str
) -> None:
    """Without any item everything in them is empty. Source: PS3.4 §C.2.2.2.6 and §C.2.2.2.7"""
    held = {
        "a": [requested("SPS1", "R1"), requested("", "R2")],
        "b": [requested("SPS1", "R1"), requested("SPS3", "")],
        "c": [],
        "d": [requested("SPS1", "R1")],
    }
    for letter, requests in held.items():
        archive.store(made(sample("CT_small.dcm"), StudyDescription=letter, RequestAttributesSequence=requests))
    archive.index()
    given = (("00400275.00400009", step), ("00400275.00401001", procedure))
    keys = [(name, value) for name, value in given if value is not None]
    more = ("emptyvaluematching", "true"), ("orderby", "StudyDescription"), ("includefield", "StudyDescription")
    assert "".join(values(page(archive, level, *more, *keys), "00081030")) == found


STANDARD: dict[Level, tuple[str, ...]] = {
    "study": (
        "SpecificCharacterSet StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy",
        "ReferringPhysicianName RetrieveURL PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID",
        "StudyID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances",
    ),
    "series": (
        "SpecificCharacterSet Modality SeriesDescription RetrieveURL SeriesInstanceUID SeriesNumber",
        "NumberOfSeriesRelatedInstances PerformedProcedureStepStartDate PerformedProcedureStepStartTime",
        "RequestAttributesSequence",
    ),
    "instance": (
        "SpecificCharacterSet SOPClassUID SOPInstanceUID InstanceAvailability RetrieveURL InstanceNumber Rows Columns",
        "BitsAllocated NumberOfFrames",
    ),
}


@pytest.mark.parametrize("level", LEVELS)
def test_answers_hold_the_attributes_of_the_standard(archive: Any, sample: Sample, level: Level) -> None:
    """Source: PS3.18 Tables 10.6.3-3 to 10.6.3-5. The offset from UTC is left out when it is not known."""
    requests = [requested("SPS1", "R1")]
    archive.store(made(sample("CT_small.dcm"), RequestAttributesSequence=requests, TimezoneOffsetFromUTC=""))
    archive.index()
    (item,) = page(archive, level).items
    keywords = {keyword_for_tag(int(tag, 16)) for tag in item}
    assert {keyword for line in STANDARD[level] for keyword in line.split()} <= keywords
    assert "TimezoneOffsetFromUTC" not in keywords
    if level == "series":
        assert item["00400275"]["Value"] == [
            {"00400009": {"vr": "SH", "Value": ["SPS1"]}, "00401001": {"vr": "SH", "Value": ["R1"]}}
        ]


def test_filters_below_are_met_by_one_series_not_by_several(archive: Any, sample: Sample) -> None:
    body = made(sample("CT_small.dcm"), SeriesNumber=1, InstanceNumber=7)
    archive.store(body)
    archive.store(made(body, new=False, SeriesInstanceUID=generate_uid(), Modality="MR", SeriesNumber=2))
    archive.index()
    assert len(page(archive, "study", ("Modality", "MR"), ("SeriesNumber", "2")).items) == 1
    assert len(page(archive, "study", ("Modality", "MR"), ("SeriesNumber", "1")).items) == 0
    assert len(page(archive, "study", ("Modality", "MR"), ("InstanceNumber", "7")).items) == 1
    assert len(page(archive, "series", ("InstanceNumber", "7")).items) == 2


@pytest.fixture
def named(archive: Any, sample: Sample) -> Callable[..., list[str]]:
    """Searches fuzzily among patients of these names; returns those found."""
    names = ["Yılmaz^Şule", "YILDIRIM^AHMET", "Öztürk^Mehmet Ali", "Müller^Jürgen", "Şahin^Fatma", "Yilma^Kemal"]
    for name in names:
        archive.store(made(sample("CT_small.dcm"), SpecificCharacterSet="ISO_IR 192", PatientName=name))
    assert archive.index() == {}

    def search(value: str, *pairs: tuple[str, str]) -> list[str]:
        found = page(archive, "study", ("fuzzymatching", "true"), ("PatientName", value), *pairs)
        return sorted(item["00100010"]["Value"][0]["Alphabetic"] for item in found.items)

    return search


def test_fuzzy_names(named: Callable[..., list[str]]) -> None:
    """Accents, dotted and dotless i, order, parts, and one letter that is wrong, missing or too much."""
    expected = {
        "yilmaz sule": ["Yılmaz^Şule"],
        "ŞULE YILMAZ": ["Yılmaz^Şule"],
        "sule^yil": ["Yılmaz^Şule"],
        "yelmaz": ["Yılmaz^Şule"],
        "yilmz sule": ["Yılmaz^Şule"],
        "Yıldirm": ["YILDIRIM^AHMET"],
        "ahmet": ["YILDIRIM^AHMET"],
        "mehmet": ["Öztürk^Mehmet Ali"],
        "mehmed ozturk": ["Öztürk^Mehmet Ali"],
        "OZTURKK": ["Öztürk^Mehmet Ali"],
        "muler jurgen": ["Müller^Jürgen"],
        "fatima": ["Şahin^Fatma"],
        "fa?ma": ["Şahin^Fatma"],
        "ozturk^fatma": [],
        "demir": [],
    }
    assert {value: named(value) for value in expected} == expected
    assert named("yelmaz", ("Modality", "CT")) == ["Yılmaz^Şule"]
    assert named("yelmaz", ("Modality", "MR")) == []


def test_ranges_of_date_and_time_are_moments(archive: Any, sample: Sample) -> None:
    moments = {"a": "20240101 09", "b": "20240101 11", "c": "20240102 03", "d": "20240103 11", "e": "20240103 13"}
    for letter, moment in moments.items():
        date, time = moment.split()
        archive.store(made(sample("CT_small.dcm"), StudyDescription=letter, StudyDate=date, StudyTime=time))
    archive.store(made(sample("CT_small.dcm"), StudyDescription="f", StudyDate="20240102", StudyTime=""))
    archive.index()

    def found(date: str, time: str) -> str:
        by_letter = ("orderby", "StudyDescription")
        return "".join(values(page(archive, "study", ("StudyDate", date), ("StudyTime", time), by_letter), "00081030"))

    assert found("20240101-20240103", "10-11") == "bcdf"
    assert found("20240102-", "10-") == "de"
    assert found("-20240102", "-10") == "abc"
    assert found("20240103", "10-11") == "d"


@pytest.mark.parametrize("keyword", ["AccessionNumber", "StudyDate", "SeriesNumber", "Modality", "ModalitiesInStudy"])
def test_empty_values(archive: Any, sample: Sample, keyword: str) -> None:
    empty: dict[str, Any] = {"Modality" if keyword == "ModalitiesInStudy" else keyword: None}
    archive.store(made(sample("CT_small.dcm"), AccessionNumber="1", StudyDescription="full"))
    archive.store(made(sample("CT_small.dcm"), **({"AccessionNumber": "1", "StudyDescription": "empty"} | empty)))
    archive.index()
    found = page(archive, "study", ("emptyvaluematching", "true"), (keyword, '""'))
    assert values(found, "00081030") == ["empty"]
