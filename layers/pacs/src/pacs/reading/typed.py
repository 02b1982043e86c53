"""What somebody typed in of a patient and a study, as DICOM writes it. Pure; errors name the field. Called by arriving.

Source: PS3.5 §6.2
"""

import re
from collections.abc import Callable, Mapping

from pacs.dicom.wrapping import Details
from pacs.errors import BadRequest
from pacs.reading.wanted import DATE

FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
AGE = re.compile(r"(\d{1,3})\s*([DWMY]?)", re.ASCII | re.IGNORECASE)
MODALITY = re.compile(r"[A-Z]{2,6}")
SEXES = {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O", "": ""}
# What people and other programs call modalities. Source: PS3.3 §C.7.3.1.1.1
NAMES = {
    "XRAY": "DX",
    "X-RAY": "DX",
    "MRI": "MR",
    "MAMMOGRAPHY": "MG",
    "ULTRASOUND": "US",
    "PET": "PT",
    "PHOTO": "XC",
}
# Source: PS3.5 Table 6.2-1
LENGTHS = {"patient_name": 64, "patient_id": 64, "accession_number": 16, "study_description": 64}


def read_details(values: Mapping[str, str]) -> Details:
    """Raises BadRequest, naming the field."""
    plain = {name: text_of(values, name, length) for name, length in LENGTHS.items()}
    return Details(
        **{**plain, "patient_name": name_of(plain["patient_name"])},
        modality=modality_of(values.get("modality", "")),
        patient_birth_date=date_of(values, "patient_birth_date"),
        patient_sex=one_of(values, "patient_sex", SEXES.get),
        patient_age=age_of(values.get("patient_age", "")),
        study_date=date_of(values, "study_date"),
    )


def text_of(values: Mapping[str, str], name: str, length: int) -> str:
    text = " ".join(values.get(name, "").split())
    if len(text) > length or FORBIDDEN.search(text):
        raise BadRequest(f"{name} has at most {length} characters, and no backslash", field=name)
    return text


def name_of(name: str) -> str:
    """A name as people write it becomes family^given: the last word is the family's."""
    if not name:
        raise BadRequest("patient_name is needed for what is no DICOM", field="patient_name")
    given, blank, family = name.rpartition(" ")
    return name if "^" in name or not blank else f"{family}^{given}"


def modality_of(given: str) -> str:
    spelt = given.strip().upper()
    modality = NAMES.get(spelt, spelt)
    if not MODALITY.fullmatch(modality):
        raise BadRequest("modality is a code as CT, MR, DX or US", field="modality")
    return modality


def date_of(values: Mapping[str, str], name: str) -> str:
    value = values.get(name, "").strip()
    found = DATE.fullmatch(value)
    if value and not found:
        raise BadRequest(f"{name} is a date, YYYY-MM-DD", field=name)
    return "".join(found.groups()) if found else ""


def one_of(values: Mapping[str, str], name: str, find: Callable[[str], str | None]) -> str:
    found = find(values.get(name, "").strip().upper())
    if found is None:
        raise BadRequest(f"{name} is none that is known", field=name)
    return found


def age_of(given: str) -> str:
    """45 is 45 years; weeks, months and days are told by their letters."""
    value = given.strip()
    found = AGE.fullmatch(value)
    if value and not found:
        raise BadRequest("patient_age is a number of years, or as 6M, 3W, 10D", field="patient_age")
    return f"{int(found[1]):03}{(found[2] or 'Y').upper()}" if found else ""
