"""A verified report as DICOM: a Basic Text SR, and the PDF encapsulated. Imported when they are made.

UIDs are made of the report and its version, so that making them again makes the same objects.

Source: PS3.3 §A.35.1, §A.45.1, §C.17.2, §C.24; PS3.16 TID 2000, CID 7000, CID 7001, CID 7002
"""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

import pydicom
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, BasicTextSRStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.reporting.body import SECTIONS, plain
from pacs.reporting.documents import NAMES, Document, headings
from pacs.reporting.versions import Version

Code = tuple[str, str, str]

TITLE: Code = ("11528-7", "LN", "Radiology Report")
HEADINGS: dict[str, Code] = {
    "clinical": ("55752-0", "LN", "Clinical Information"),
    "technique": ("55111-9", "LN", "Current Procedure Descriptions"),
    "comparison": ("18834-2", "LN", "Previous Findings"),
    "findings": ("59776-5", "LN", "Findings"),
    "impression": ("19005-8", "LN", "Impressions"),
}
ADDENDUM: Code = ("55107-7", "LN", "Addendum")
ELEMENTS: dict[str, Code] = {
    "clinical": ("11329-0", "LN", "History"),
    "technique": ("121065", "DCM", "Procedure Description"),
    "comparison": ("121069", "DCM", "Previous Finding"),
    "findings": ("121071", "DCM", "Finding"),
    "impression": ("121073", "DCM", "Impression"),
}
LANGUAGE: Code = ("121049", "DCM", "Language of Content Item and Descendants")
OBSERVER_TYPE: Code = ("121005", "DCM", "Observer Type")
PERSON: Code = ("121006", "DCM", "Person")
OBSERVER_NAME: Code = ("121008", "DCM", "Person Observer Name")

REPORT, REPORT_PDF = BasicTextSRStorage, EncapsulatedPDFStorage
# Only with a value; all else of the study may stand empty.
OPTIONAL = ("IssuerOfPatientID", "PatientAge", "StudyDescription", "InstitutionName", "TimezoneOffsetFromUTC")
# Far behind the series of any modality, so that viewers show images first.
SERIES_NUMBERS = {"SR": 9001, "DOC": 9002}


def structured_report(document: Document) -> bytes:
    """The report as a Basic Text SR, complete and verified: a container for each section, one for each addendum."""
    last = document.last
    dataset = composite(document, "SR", REPORT, "Report")
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "VERIFIED"
    dataset.VerifyingObserverSequence = Items(verifying(document, each) for each in reversed(document.parts))
    dataset.ReferencedPerformedProcedureStepSequence = Items()
    dataset.PerformedProcedureCodeSequence = Items()
    if len(document.parts) > 1:
        dataset.PredecessorDocumentsSequence = Items([predecessor(document, document.parts[-2])])
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = Items([coded(TITLE)])
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2000"
    dataset.ContentTemplateSequence = Items([template])
    dataset.ContentSequence = Items(content(document, last))
    return part10(dataset)


def encapsulated_pdf(document: Document, pdf: bytes) -> bytes:
    """The PDF of the report as an instance of the study."""
    dataset = composite(document, "DOC", REPORT_PDF, "Report (PDF)")
    dataset.ConversionType = "WSD"
    dataset.BurnedInAnnotation = "YES"
    dataset.AcquisitionDateTime = ""
    dataset.DocumentTitle = headings(document.language)["title"]
    dataset.ConceptNameCodeSequence = Items([coded(TITLE)])
    dataset.VerificationFlag = "VERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return part10(dataset)


def composite(document: Document, modality: str, sop_class_uid: UID, description: str) -> Dataset:
    """What both have in common: patient, study, series, equipment and document."""
    dataset, at = Dataset(), document.last.at.astimezone(zone(document.study["TimezoneOffsetFromUTC"]))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    with config.disable_value_validation():  # values are what modalities wrote, well or badly
        for keyword, value in document.study.items():
            if value or keyword not in OPTIONAL:
                setattr(dataset, keyword, value)
    dataset.StudyInstanceUID = document.study_instance_uid
    dataset.SeriesInstanceUID = document.uid(modality)
    dataset.SeriesNumber = SERIES_NUMBERS[modality]
    dataset.SeriesDescription = description
    dataset.Modality = modality
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = document.uid(modality, document.last.number)
    dataset.InstanceNumber = document.last.number
    dataset.Manufacturer = "Bulut PACS"
    for keyword in ("Series", "Content", "InstanceCreation"):
        setattr(dataset, f"{keyword}Date", f"{at:%Y%m%d}")
        setattr(dataset, f"{keyword}Time", f"{at:%H%M%S}")
    return dataset


def verifying(document: Document, part: Version) -> Dataset:
    item = Dataset()
    item.VerifyingOrganization = one_line(document.organization)
    item.VerificationDateTime = f"{part.at.astimezone(UTC):%Y%m%d%H%M%S}+0000"
    item.VerifyingObserverName = one_line(part.author)
    item.VerifyingObserverIdentificationCodeSequence = Items()
    return item


def predecessor(document: Document, part: Version) -> Dataset:
    """A reference to the document of an earlier version. Source: PS3.3 Table 10-4"""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = REPORT
    instance.ReferencedSOPInstanceUID = document.uid("SR", part.number)
    series.SeriesInstanceUID = document.uid("SR")
    series.ReferencedSOPSequence = Items([instance])
    study.StudyInstanceUID = document.study_instance_uid
    study.ReferencedSeriesSequence = Items([series])
    return study


def content(document: Document, last: Version) -> Iterator[Dataset]:
    language = (document.language, "RFC5646", NAMES[document.language])
    yield item("HAS CONCEPT MOD", "CODE", LANGUAGE, code=language)
    yield item("HAS OBS CONTEXT", "CODE", OBSERVER_TYPE, code=PERSON)
    observer = item("HAS OBS CONTEXT", "PNAME", OBSERVER_NAME)
    observer.PersonName = one_line(last.author)
    yield observer
    for part in document.parts:
        if part.kind == "addendum":
            yield container(ADDENDUM, [prose(ELEMENTS[name], text) for name, text in texts(part)])
        else:
            yield from (container(HEADINGS[name], [prose(ELEMENTS[name], text)]) for name, text in texts(part))


def texts(part: Version) -> Iterator[tuple[str, str]]:
    """The sections that say something, as plain text."""
    for name in SECTIONS:
        text = plain(part.sections.get(name, ""))
        if text:
            yield name, text


def container(heading: Code, items: Sequence[Dataset]) -> Dataset:
    made = item("CONTAINS", "CONTAINER", heading)
    made.ContinuityOfContent = "SEPARATE"
    made.ContentSequence = Items(items)
    return made


def prose(concept: Code, text: str) -> Dataset:
    made = item("CONTAINS", "TEXT", concept)
    made.TextValue = text.replace("\n", "\r\n")
    return made


def item(relationship: str, value_type: str, concept: Code, *, code: Code | None = None) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, value_type
    made.ConceptNameCodeSequence = Items([coded(concept)])
    if code:
        made.ConceptCodeSequence = Items([coded(code)])
    return made


def coded(code: Code) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = code
    return made


def zone(offset: str) -> tzinfo:
    """The zone in which the times of a study are told: its TimezoneOffsetFromUTC, or UTC without one."""
    try:
        return datetime.strptime(offset, "%z").tzinfo or UTC
    except ValueError:
        return UTC


def one_line(text: str) -> str:
    """A text as LO and PN take it: at most 64 characters, none that means something there."""
    return " ".join(re.sub(r"[\\^=\x00-\x1f]", " ", text).split())[:64].strip()


def part10(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    written = io.BytesIO()
    with config.disable_value_validation():
        pydicom.dcmwrite(written, dataset, enforce_file_format=True)
    return written.getvalue()
