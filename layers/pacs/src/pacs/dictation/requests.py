"""What does somebody ask of a report job? The metadata of the report API, checked field by field. Pure.

The names are those that integrators' clients send; what is wrong is told with the field, and the index of the exam.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pacs.errors import InvalidMetadata, InvalidSutCode, MissingAccession, NoExams, TooManyExams
from pacs.outgoing import Origin, origin_of

Language = Literal["tr", "en", "ru", "az", "fr", "de"]
TemplateFormat = Literal["txt", "rtf", "html"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
FORMATS: tuple[TemplateFormat, ...] = get_args(TemplateFormat)

MOST_EXAMS = 20
SUT_CODE = re.compile(r"\d{5,7}", re.ASCII)
LONGEST_WORD, LONGEST_TEMPLATE, LONGEST_URL = 200, 200_000, 2000

# What the form of a job for one exam calls differently.
FORM_NAMES = {"patientUid": "patientId", "accessionNumber": "accessionNo"}


@dataclass(frozen=True)
class Exam:
    """One exam of a job. An empty template means that one is chosen."""

    sut_code: str
    accession_number: str = ""
    tele_code: str = ""
    template: str = ""
    template_format: TemplateFormat | Literal[""] = ""
    # What our own pages tell in the place of codes: of what, and which of the organization's templates.
    modality: str = ""
    name: str = ""
    template_id: str = ""


@dataclass(frozen=True)
class JobRequest:
    """What a job is told, beside its recording."""

    exams: tuple[Exam, ...]
    patient_uid: str = ""
    patient_name: str = ""
    callback_url: str = ""
    input_language: Language = "tr"
    output_language: Language = "tr"


def parse_metadata(text: str, allowed: Collection[Origin] = ()) -> JobRequest:
    """The field `metadata` of a multi-exam job; callbacks may lead to `allowed` without https.

    Raises InvalidMetadata, NoExams, TooManyExams, MissingAccession, InvalidSutCode.
    """
    try:
        document = json.loads(text.removeprefix("\ufeff"), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata("metadata is no JSON", field="metadata") from error
    if not isinstance(document, dict):
        raise InvalidMetadata("metadata is a JSON object", field="metadata")
    given = document.get("exams", [])
    if not isinstance(given, list):
        raise InvalidMetadata("exams is a list", field="exams")
    if not given:
        raise NoExams("at least one exam is needed", field="exams")
    if len(given) > MOST_EXAMS:
        raise TooManyExams(f"at most {MOST_EXAMS} exams in one request", field="exams")
    exams = tuple(read_exam(each, f"exams[{index}]") for index, each in enumerate(given))
    return job_request(document, exams, allowed)


def parse_form(fields: Mapping[str, str], allowed: Collection[Origin] = ()) -> JobRequest:
    """The fields of a job for one exam. Raises as `parse_metadata` does."""
    single = {"accessionNumber": fields.get("accessionNo", "")}
    single |= {name: fields.get(name, "") for name in ("sutCode", "teleCode", "templateContent", "templateFormat")}
    general = {"patientUid": fields.get("patientId", "")}
    general |= {name: fields.get(name, "") for name in ("patientName", "callbackUrl", "inputLang", "outputLang")}
    try:
        given = {name: value for name, value in general.items() if value}
        return job_request(given, (read_exam(single, ""),), allowed)
    except InvalidMetadata as error:
        raise InvalidMetadata(error.message, field=FORM_NAMES.get(error.field or "", error.field)) from error


def refuse_constant(name: str) -> None:
    """NaN and Infinity, which Python's JSON knows and others' does not."""
    raise ValueError(name)


def job_request(document: Mapping[str, Any], exams: tuple[Exam, ...], allowed: Collection[Origin]) -> JobRequest:
    """Raises InvalidMetadata, MissingAccession."""
    check_told_apart(exams)
    return JobRequest(
        exams,
        patient_uid=word(document, "patientUid"),
        patient_name=word(document, "patientName"),
        callback_url=checked_url(word(document, "callbackUrl", longest=LONGEST_URL), allowed),
        input_language=language(document, "inputLang"),
        output_language=language(document, "outputLang"),
    )


def read_exam(document: Any, at: str) -> Exam:
    """Raises InvalidMetadata, InvalidSutCode."""
    if not isinstance(document, Mapping):
        raise InvalidMetadata("an exam is a JSON object", field=at)
    sut_code = document.get("sutCode")
    if not isinstance(sut_code, str) or not SUT_CODE.fullmatch(sut_code):
        raise InvalidSutCode("sutCode has five to seven digits", field=within(at, "sutCode"))
    template = word(document, "templateContent", at, longest=LONGEST_TEMPLATE)
    template_format = word(document, "templateFormat", at)
    if template_format not in (*FORMATS, ""):
        raise InvalidMetadata(f"templateFormat is {', '.join(FORMATS)}", field=within(at, "templateFormat"))
    if template and not template_format:
        raise InvalidMetadata("templateContent needs its templateFormat", field=within(at, "templateFormat"))
    return Exam(
        sut_code,
        word(document, "accessionNumber", at),
        word(document, "teleCode", at),
        template,
        cast("TemplateFormat", template_format) if template else "",  # clients may tell the format of no template
    )


def check_told_apart(exams: tuple[Exam, ...]) -> None:
    """Raises MissingAccession for exams that nothing tells apart."""
    seen = Counter((exam.sut_code, exam.accession_number) for exam in exams)
    for index, exam in enumerate(exams):
        if seen[exam.sut_code, exam.accession_number] > 1:
            why = "two exams of one SUT code need accession numbers that differ"
            raise MissingAccession(why, field=within(f"exams[{index}]", "accessionNumber"))


def word(document: Mapping[str, Any], name: str, at: str = "", *, longest: int = LONGEST_WORD) -> str:
    """A text that may be missing. Raises InvalidMetadata."""
    value = document.get(name)
    if value is None:
        return ""
    if name == "templateContent" and isinstance(value, str):
        value = value.rstrip("\x00")  # as RTF from a clipboard ends
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidMetadata(f"{name} is a text of at most {longest} characters", field=within(at, name))
    if any(letter < " " and letter not in "\t\r\n" for letter in value) or "\x7f" in value:
        raise InvalidMetadata(f"{name} holds control characters", field=within(at, name))
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidMetadata(f"{name} holds half a character", field=within(at, name))
    return value if longest > LONGEST_WORD else value.strip()


def language(document: Mapping[str, Any], name: str) -> Language:
    """Raises InvalidMetadata."""
    found = word(document, name) or "tr"
    if found not in LANGUAGES:
        raise InvalidMetadata(f"{name} is one of {', '.join(LANGUAGES)}", field=name)
    return found


def checked_url(url: str, allowed: Collection[Origin]) -> str:
    """Raises InvalidMetadata. Where it leads is looked at when it is called."""
    if not url:
        return ""
    try:
        origin = origin_of(url)
        good = origin.scheme == "https" or origin in allowed
    except ValueError:
        good = False
    if not good or any(letter.isspace() for letter in url):
        raise InvalidMetadata("callbackUrl is an https address without a user", field="callbackUrl")
    return url


def within(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
