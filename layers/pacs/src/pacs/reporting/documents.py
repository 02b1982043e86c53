"""A report as a document: whose it is, who made it, and what it says in which words. Asked by pdf and structured.

`document_of` is the one query behind them; documents of verified reports are the same bytes whenever they are made.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.body import LANGUAGES
from pacs.reporting.drafts import find
from pacs.reporting.versions import VERIFIED, Version, versions_of

# Whose names make our UIDs. Source: PS3.5 §B.2
NAMESPACE = uuid.UUID("8f0a52a4-37c1-4c0f-9d5e-6e2f5d3f8a11")
ABOUT = text(
    "select s.dicom, s.code, o.name as organization, coalesce(b.name, '') as branch,"
    " coalesce(l.lines, '') as letterhead from studies s join organizations o on o.id = s.organization_id"
    " left join branches b on b.id = s.branch_id left join letterheads l on l.branch_id = s.branch_id"
    " where s.organization_id = cast(:organization_id as uuid) and s.study_instance_uid = :study"
)


# What documents tell of patient and study, by keyword.
TAGS = {
    "PatientName": "00100010",
    "PatientID": "00100020",
    "IssuerOfPatientID": "00100021",
    "PatientBirthDate": "00100030",
    "PatientSex": "00100040",
    "PatientAge": "00101010",
    "StudyDate": "00080020",
    "StudyTime": "00080030",
    "StudyID": "00200010",
    "AccessionNumber": "00080050",
    "ReferringPhysicianName": "00080090",
    "StudyDescription": "00081030",
    "InstitutionName": "00080080",
    "TimezoneOffsetFromUTC": "00080201",
}


@dataclass(frozen=True)
class Document:
    """A report with all that its documents show. `study` has its attributes by keyword; those without value are "".

    `parts` are the signed versions, addenda last, or the last version of what is not verified.
    """

    report_id: str
    organization_id: str
    study_instance_uid: str
    branch_id: str
    language: str
    state: str
    study: Mapping[str, str]
    code: str
    organization: str
    branch: str
    letterhead: str
    parts: Sequence[Version]

    @property
    def is_verified(self) -> bool:
        return self.state in VERIFIED

    @property
    def last(self) -> Version:
        return self.parts[-1]

    def uid(self, *names: object) -> str:
        """A UID that is the same whenever it is made of the same names."""
        made = uuid.uuid5(NAMESPACE, "/".join([self.organization_id, self.report_id, *map(str, names)]))
        return f"2.25.{made.int}"


def document_of(services: Services, scope: Scope, report_id: str) -> Document:
    """The document of a report that the scope may see. Raises NotFound."""
    report = find(services.database, scope, report_id)
    values = {"organization_id": report["organization_id"], "study": report["study_instance_uid"]}
    row: Mapping[str, Any] = services.database.fetch(ABOUT, values)[0]
    verified = report["state"] in VERIFIED
    last = 0 if verified else report["version"] - 1
    return Document(
        report_id,
        report["organization_id"],
        report["study_instance_uid"],
        report["branch_id"] or "",
        report["language"],
        report["state"],
        {keyword: dicom_text(row["dicom"].get(tag)) for keyword, tag in TAGS.items()},
        row["code"],
        row["organization"],
        row["branch"],
        row["letterhead"],
        versions_of(services.database, report_id, after=last, only_signed=verified),
    )


def facts(document: Document) -> list[tuple[str, str]]:
    """What the head of a document tells of patient and study, with the words before it; nothing that is not known."""
    study, terms = document.study, headings(document.language)
    found = (
        ("patient", person_name(study["PatientName"])),
        ("patient_id", study["PatientID"]),
        ("birth_date", date_text(study["PatientBirthDate"])),
        ("study", study["StudyDescription"]),
        ("study_date", date_text(study["StudyDate"])),
        ("accession", study["AccessionNumber"]),
        ("code", document.code),
    )
    return [(terms[name], value) for name, value in found if value]


HEADINGS: dict[str, dict[str, str]] = {
    "tr": {
        "clinical": "Klinik bilgi",
        "technique": "Teknik",
        "comparison": "Karşılaştırma",
        "findings": "Bulgular",
        "impression": "Sonuç",
        "addendum": "Ek rapor",
        "title": "Radyoloji Raporu",
        "patient": "Hasta",
        "patient_id": "Hasta no",
        "birth_date": "Doğum tarihi",
        "study": "Tetkik",
        "study_date": "Tetkik tarihi",
        "accession": "Erişim no",
        "code": "Tetkik kodu",
        "signed": "Onaylayan",
        "verification": "Doğrulama kodu",
        "draft": "TASLAK: onaylanmamıştır",
    },
    "en": {
        "clinical": "Clinical information",
        "technique": "Technique",
        "comparison": "Comparison",
        "findings": "Findings",
        "impression": "Impression",
        "addendum": "Addendum",
        "title": "Radiology Report",
        "patient": "Patient",
        "patient_id": "Patient ID",
        "birth_date": "Date of birth",
        "study": "Study",
        "study_date": "Date of study",
        "accession": "Accession number",
        "code": "Study code",
        "signed": "Verified by",
        "verification": "Verification code",
        "draft": "DRAFT: not verified",
    },
    "fa": {
        "clinical": "اطلاعات بالینی",
        "technique": "تکنیک",
        "comparison": "مقایسه",
        "findings": "یافته‌ها",
        "impression": "نتیجه‌گیری",
        "addendum": "پیوست گزارش",
        "title": "گزارش رادیولوژی",
        "patient": "بیمار",
        "patient_id": "شماره بیمار",
        "birth_date": "تاریخ تولد",
        "study": "مطالعه",
        "study_date": "تاریخ مطالعه",
        "accession": "شماره دسترسی",
        "code": "کد مطالعه",
        "signed": "تأییدکننده",
        "verification": "کد تأیید",
        "draft": "پیش‌نویس: تأیید نشده است",
    },
    "ar": {
        "clinical": "المعلومات السريرية",
        "technique": "التقنية",
        "comparison": "المقارنة",
        "findings": "الموجودات",
        "impression": "الخلاصة",
        "addendum": "ملحق",
        "title": "تقرير الأشعة",
        "patient": "المريض",
        "patient_id": "رقم المريض",
        "birth_date": "تاريخ الميلاد",
        "study": "الدراسة",
        "study_date": "تاريخ الدراسة",
        "accession": "رقم الطلب",
        "code": "رمز الدراسة",
        "signed": "اعتمده",
        "verification": "رمز التحقق",
        "draft": "مسودة: غير معتمد",
    },
}
NAMES = {
    "tr": "Turkish",
    "en": "English",
    "ru": "Russian",
    "az": "Azerbaijani",
    "fr": "French",
    "de": "German",
    "fa": "Persian",
    "ar": "Arabic",
}
assert set(NAMES) == set(LANGUAGES)


def dicom_text(element: Mapping[str, Any] | None) -> str:
    """The value of an element of DICOM JSON as PS3.5 writes it. Source: PS3.18 §F.2"""
    values = (element or {}).get("Value") or []
    return "\\".join(pn_text(each) if isinstance(each, dict) else str(each or "") for each in values)


def pn_text(value: Mapping[str, str]) -> str:
    groups = [value.get(name, "") for name in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(groups).rstrip("=")


def headings(language: str) -> dict[str, str]:
    """The words of a document in a language, in English where we have no others."""
    return HEADINGS.get(language, HEADINGS["en"])


def person_name(value: str) -> str:
    """A name as people write it: of a PN the alphabetic group, its parts in their order. Source: PS3.5 §6.2.1"""
    return " ".join(value.partition("=")[0].replace("^", " ").split())


def date_text(value: str) -> str:
    """A DA as people read it; what is none stays as it is. Source: PS3.5 §6.2"""
    return f"{value[6:8]}.{value[4:6]}.{value[:4]}" if len(value) == 8 and value.isdigit() else value
