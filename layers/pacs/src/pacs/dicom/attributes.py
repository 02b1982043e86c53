"""ONE table of the attributes that the index knows. It makes the rows of the index, the keys of QIDO and the
conformance statement. Read by archive (index, search), dicomweb.query and the docs.

Source: PS3.18 §10.6 (Tables 10.6.1-5, 10.6.3-3 to 10.6.3-5), PS3.4 §C.6.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

Level = Literal["study", "series", "instance"]

# How a value is kept in its column and matched:
#   uid      exact, lists                          code     exact or wildcard, as it stands (CS, AE)
#   text     wildcard, folded (see dicom.text)     name     like text; components may be searched one by one
#   date     YYYYMMDD, ranges                      time     HHMMSS.FFFFFF, ranges
#   integer  exact
Matching = Literal["uid", "code", "text", "name", "date", "time", "integer"]


@dataclass(frozen=True)
class Attribute:
    """`computed`: counted by the database out of the level below, not read from a dataset.

    `column` is the attribute's name in the table of its level; patient attributes stand at study level.
    `returned`: always in a QIDO answer; the others when includefield asks. `optional`: left out of an answer when
    it has no value. `sequence`: the tag of the sequence in whose items it stands. `several`: the column keeps each
    of its values between backslashes, and any of them may match.
    """

    keyword: str
    tag: str  # eight upper-case hexadecimal digits
    vr: str
    vm: str
    level: Level
    column: str
    matching: Matching
    returned: bool = True
    computed: bool = False
    optional: bool = False
    sequence: str = ""
    several: bool = False

    @property
    def path(self) -> str:
        """Its tag, after that of its sequence: how QIDO names it."""
        return f"{self.sequence}.{self.tag}" if self.sequence else self.tag


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("StudyDate", "00080020", "DA", "1", "study", "study_date", "date"),
    Attribute("StudyTime", "00080030", "TM", "1", "study", "study_time", "time"),
    Attribute("AccessionNumber", "00080050", "SH", "1", "study", "accession_number", "text"),
    Attribute(
        "ModalitiesInStudy",
        "00080061",
        "CS",
        "1-n",
        "study",
        "modalities_in_study",
        "code",
        computed=True,
        several=True,
    ),
    Attribute("ReferringPhysicianName", "00080090", "PN", "1", "study", "referring_physician_name", "name"),
    Attribute(
        "TimezoneOffsetFromUTC", "00080201", "SH", "1", "study", "timezone_offset_from_utc", "text", optional=True
    ),
    Attribute("StudyDescription", "00081030", "LO", "1", "study", "study_description", "text"),
    Attribute("InstitutionName", "00080080", "LO", "1", "study", "institution_name", "text", returned=False),
    Attribute("PatientName", "00100010", "PN", "1", "study", "patient_name", "name"),
    Attribute("PatientID", "00100020", "LO", "1", "study", "patient_id", "text"),
    Attribute("IssuerOfPatientID", "00100021", "LO", "1", "study", "issuer_of_patient_id", "text", returned=False),
    Attribute("PatientBirthDate", "00100030", "DA", "1", "study", "patient_birth_date", "date"),
    Attribute("PatientSex", "00100040", "CS", "1", "study", "patient_sex", "code"),
    Attribute("PatientAge", "00101010", "AS", "1", "study", "patient_age", "code", returned=False),
    Attribute("StudyInstanceUID", "0020000D", "UI", "1", "study", "study_instance_uid", "uid"),
    Attribute("StudyID", "00200010", "SH", "1", "study", "study_id", "text"),
    Attribute(
        "NumberOfStudyRelatedSeries", "00201206", "IS", "1", "study", "number_of_series", "integer", computed=True
    ),
    Attribute(
        "NumberOfStudyRelatedInstances", "00201208", "IS", "1", "study", "number_of_instances", "integer", computed=True
    ),
    Attribute("Modality", "00080060", "CS", "1", "series", "modality", "code"),
    Attribute("SeriesDate", "00080021", "DA", "1", "series", "series_date", "date", returned=False),
    Attribute("SeriesTime", "00080031", "TM", "1", "series", "series_time", "time", returned=False),
    Attribute("Manufacturer", "00080070", "LO", "1", "series", "manufacturer", "text", returned=False),
    Attribute("StationName", "00081010", "SH", "1", "series", "station_name", "text", returned=False),
    Attribute("SeriesDescription", "0008103E", "LO", "1", "series", "series_description", "text"),
    Attribute("BodyPartExamined", "00180015", "CS", "1", "series", "body_part_examined", "code", returned=False),
    Attribute("ProtocolName", "00181030", "LO", "1", "series", "protocol_name", "text", returned=False),
    Attribute("Laterality", "00200060", "CS", "1", "series", "laterality", "code", returned=False),
    Attribute("SeriesInstanceUID", "0020000E", "UI", "1", "series", "series_instance_uid", "uid"),
    Attribute("SeriesNumber", "00200011", "IS", "1", "series", "series_number", "integer"),
    Attribute(
        "PerformedProcedureStepStartDate",
        "00400244",
        "DA",
        "1",
        "series",
        "performed_procedure_step_start_date",
        "date",
    ),
    Attribute(
        "PerformedProcedureStepStartTime",
        "00400245",
        "TM",
        "1",
        "series",
        "performed_procedure_step_start_time",
        "time",
    ),
    Attribute(
        "ScheduledProcedureStepID",
        "00400009",
        "SH",
        "1",
        "series",
        "scheduled_procedure_step_id",
        "text",
        sequence="00400275",
        several=True,
    ),
    Attribute(
        "RequestedProcedureID",
        "00401001",
        "SH",
        "1",
        "series",
        "requested_procedure_id",
        "text",
        sequence="00400275",
        several=True,
    ),
    Attribute(
        "NumberOfSeriesRelatedInstances",
        "00201209",
        "IS",
        "1",
        "series",
        "number_of_instances",
        "integer",
        computed=True,
    ),
    Attribute("SOPClassUID", "00080016", "UI", "1", "instance", "sop_class_uid", "uid"),
    Attribute("SOPInstanceUID", "00080018", "UI", "1", "instance", "sop_instance_uid", "uid"),
    Attribute("InstanceNumber", "00200013", "IS", "1", "instance", "instance_number", "integer"),
    Attribute("ContentDate", "00080023", "DA", "1", "instance", "content_date", "date", returned=False),
    Attribute("ContentTime", "00080033", "TM", "1", "instance", "content_time", "time", returned=False),
    Attribute("NumberOfFrames", "00280008", "IS", "1", "instance", "number_of_frames", "integer"),
    Attribute("Rows", "00280010", "US", "1", "instance", "rows", "integer"),
    Attribute("Columns", "00280011", "US", "1", "instance", "columns", "integer"),
    Attribute("BitsAllocated", "00280100", "US", "1", "instance", "bits_allocated", "integer"),
    # Decides what scopes with privacy are shown.
    Attribute("BurnedInAnnotation", "00280301", "CS", "1", "instance", "burned_in_annotation", "code", returned=False),
)


@cache
def by_name() -> dict[str, Attribute]:
    """Attributes by keyword and by tag, those in sequences by their path of tags; what QIDO calls a key."""
    return {name: each for each in ATTRIBUTES for name in ((each.path,) if each.sequence else (each.keyword, each.tag))}


def at_level(level: Level) -> tuple[Attribute, ...]:
    return tuple(each for each in ATTRIBUTES if each.level == level)
