"""How is a patient shown in forms, and what did somebody change there? Called by functions/pages."""

from collections.abc import Mapping

from pacs.portal.language import marked

# What is corrected, and what people call it.
FIELDS = {
    "PatientName": marked("Patient name"),
    "PatientID": marked("Patient ID"),
    "IssuerOfPatientID": marked("Issuer of the ID"),
    "PatientBirthDate": marked("Date of birth"),
    "PatientSex": marked("Sex"),
    "AccessionNumber": marked("Accession number"),
}
BORN = "PatientBirthDate"


def shown(patient: Mapping[str, str]) -> dict[str, str]:
    """Values as fields of a form hold them: a date as browsers write it, and none where there is no date."""
    born = patient[BORN]
    written = f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 and born.isdecimal() else ""
    return {**patient, BORN: written}


def changed(patient: Mapping[str, str], typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed otherwise than it was shown, as DICOM writes it."""
    before = shown(patient)
    differing = {name: value.strip() for name, value in typed.items() if value.strip() != before[name].strip()}
    if BORN in differing:
        differing[BORN] = differing[BORN].replace("-", "")
    return differing
