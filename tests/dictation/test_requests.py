"""The metadata of report jobs: what is taken, and what is told of what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs import errors
from pacs.dictation.examinations import examination_of
from pacs.dictation.requests import Exam, JobRequest, parse_form, parse_metadata
from pacs.outgoing import parse_origins

EXAM = {"accessionNumber": "ACC-1", "sutCode": "803910"}


def metadata(*exams: Any, **given: Any) -> str:
    return json.dumps({"exams": list(exams) or [EXAM], **given})


def test_everything_that_an_integrator_sends() -> None:
    custom = {**EXAM, "teleCode": "R100000", "templateContent": "{{BULGULAR}}", "templateFormat": "txt"}
    told = parse_metadata(
        metadata(
            custom,
            {"sutCode": "804102"},
            patientUid="1.2.3",
            patientName="Ayşe Yılmaz",
            callbackUrl="https://pacs.example/cb",
            inputLang="en",
            outputLang="az",
        )
    )
    assert told == JobRequest(
        (Exam("803910", "ACC-1", "R100000", "{{BULGULAR}}", "txt"), Exam("804102")),
        "1.2.3",
        "Ayşe Yılmaz",
        "https://pacs.example/cb",
        "en",
        "az",
    )
    assert parse_metadata(metadata()) == JobRequest((Exam("803910", "ACC-1"),))


def test_one_exam_comes_as_a_form() -> None:
    form = {"sutCode": "804200", "patientId": "12345", "patientName": "Ali Veli", "accessionNo": "ACC-01"}
    assert parse_form(form) == JobRequest((Exam("804200", "ACC-01"),), "12345", "Ali Veli")


@pytest.mark.parametrize("field", ["sutCode", "accessionNo", "patientId", "callbackUrl", "templateFormat"])
def test_what_is_wrong_in_a_form_is_told_with_the_name_that_it_has_there(field: str) -> None:
    with pytest.raises(errors.BadRequest) as told:
        parse_form({"sutCode": "804200", field: "\0"})
    assert told.value.field == field


@pytest.mark.parametrize(
    ("text", "kind", "field"),
    [
        ("{", errors.InvalidMetadata, "metadata"),
        ("[]", errors.InvalidMetadata, "metadata"),
        ('{"exams": [NaN]}', errors.InvalidMetadata, "metadata"),
        ('{"exams": {}}', errors.InvalidMetadata, "exams"),
        ("{}", errors.NoExams, "exams"),
        ('{"exams": []}', errors.NoExams, "exams"),
        (metadata(*({"sutCode": f"{80000 + each}"} for each in range(21))), errors.TooManyExams, "exams"),
        (metadata(EXAM, 7), errors.InvalidMetadata, "exams[1]"),
        (metadata({"accessionNumber": "A"}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({"sutCode": 803910}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({"sutCode": "8039"}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({"sutCode": "80391012"}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({"sutCode": "٨٠٣٩١٠"}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({"sutCode": "803910\n"}), errors.InvalidSutCode, "exams[0].sutCode"),
        (metadata({**EXAM, "templateContent": "x"}), errors.InvalidMetadata, "exams[0].templateFormat"),
        (metadata({**EXAM, "templateFormat": "docx"}), errors.InvalidMetadata, "exams[0].templateFormat"),
        (metadata({**EXAM, "accessionNumber": 5}), errors.InvalidMetadata, "exams[0].accessionNumber"),
        (metadata(callbackUrl="http://pacs.example/cb"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(callbackUrl="https://"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(callbackUrl="https://[::1/"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(callbackUrl="https://user:word@pacs.example/"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(callbackUrl="https://:word@pacs.example/"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(callbackUrl=f"https://{'a' * 64}.example/"), errors.InvalidMetadata, "callbackUrl"),
        (metadata(inputLang="fa"), errors.InvalidMetadata, "inputLang"),
        (metadata(outputLang=["tr"]), errors.InvalidMetadata, "outputLang"),
        (metadata(patientName="a\u0000b"), errors.InvalidMetadata, "patientName"),
        (metadata(patientName="a\ud800"), errors.InvalidMetadata, "patientName"),
        ("[" * 100_000, errors.InvalidMetadata, "metadata"),
        (metadata({"sutCode": "803910"}, {"sutCode": "803910"}), errors.MissingAccession, "exams[0].accessionNumber"),
        (metadata(EXAM, EXAM), errors.MissingAccession, "exams[0].accessionNumber"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, kind: type[errors.PacsError], field: str) -> None:
    with pytest.raises(errors.PacsError) as told:
        parse_metadata(text)
    assert (type(told.value), told.value.field) == (kind, field)


def test_what_clipboards_and_editors_add_is_put_up_with() -> None:
    told = parse_metadata("\ufeff" + metadata({**EXAM, "templateContent": "{\\rtf1 x}\x00", "templateFormat": "rtf"}))
    assert told.exams[0].template == "{\\rtf1 x}"


def test_the_format_of_no_template_counts_for_nothing() -> None:
    for content in ({}, {"templateContent": ""}, {"templateContent": None}):
        assert parse_metadata(metadata({**EXAM, **content, "templateFormat": "rtf"})) == parse_metadata(metadata())


def test_exams_of_one_code_are_told_apart_by_their_accession_numbers() -> None:
    told = parse_metadata(metadata({"sutCode": "803910"}, {"sutCode": "803910", "accessionNumber": "B"}))
    assert [exam.accession_number for exam in told.exams] == ["", "B"]


def test_callbacks_of_developers_may_lead_to_their_own_machine() -> None:
    allowed = parse_origins("http://127.0.0.1:9999", "PACS_CALLBACK_ALLOW")
    url = "http://127.0.0.1:9999/cb"
    assert parse_metadata(metadata(callbackUrl=url), allowed).callback_url == url
    with pytest.raises(errors.InvalidMetadata):
        parse_metadata(metadata(callbackUrl="http://127.0.0.1:9998/cb"), allowed)


NAMES = st.sampled_from(["exams", "sutCode", "callbackUrl", "x"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(DOCUMENTS)
def test_no_document_ends_in_another_error(document: Any) -> None:
    try:
        parse_metadata(json.dumps(document))
    except errors.BadRequest:
        return


@pytest.mark.parametrize(
    ("sut_code", "tele_code", "modality"),
    [
        ("801600", "", "CR"),
        ("803910", "", "CT"),
        ("804102", "", "MR"),
        ("803400", "R103001", "MR"),
        ("803700", "r999999", "US"),
        ("12345", "", "OT"),
    ],
)
def test_codes_tell_the_modality(sut_code: str, tele_code: str, modality: str) -> None:
    assert examination_of(sut_code, tele_code).modality == modality
