"""ONE table of what a worklist is searched by: it makes the columns of a workitem and the keys of a query.

Read by worklist.search, worklist.workitems and the tests. Source: PS3.4 Table CC.2.5-3, column "Match Key"
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pacs.dicom.text import fold, fold_name
from pacs.worklist.moments import bounds
from pacs.worklist.payload import value, values

# As in dicom.attributes; a moment is a date-time with ranges.
Matching = Literal["uid", "code", "text", "name", "date", "moment"]


@dataclass(frozen=True)
class Key:
    """`path` and `tags` say where the value stands; with `several` the column holds all of them, `\\A\\B\\`."""

    path: str
    tags: str
    column: str
    matching: Matching
    several: bool = False


KEYS: tuple[Key, ...] = (
    Key("SOPInstanceUID", "00080018", "workitem_uid", "uid"),
    Key("ProcedureStepState", "00741000", "state", "code"),
    Key("StudyInstanceUID", "0020000D", "study_instance_uid", "uid"),
    Key("ScheduledProcedureStepPriority", "00741200", "scheduled_procedure_step_priority", "code"),
    Key("InputReadinessState", "00404041", "input_readiness_state", "code"),
    Key("ProcedureStepLabel", "00741204", "procedure_step_label", "text"),
    Key("WorklistLabel", "00741202", "worklist_label", "text"),
    Key("ScheduledProcedureStepStartDateTime", "00404005", "scheduled_procedure_step_start_at", "moment"),
    Key("ExpectedCompletionDateTime", "00404011", "expected_completion_at", "moment"),
    Key(
        "ScheduledStationNameCodeSequence.CodeValue", "00404025.00080100", "scheduled_station_name_codes", "text", True
    ),
    Key(
        "ScheduledStationClassCodeSequence.CodeValue",
        "00404026.00080100",
        "scheduled_station_class_codes",
        "text",
        True,
    ),
    Key(
        "ScheduledStationGeographicLocationCodeSequence.CodeValue",
        "00404027.00080100",
        "scheduled_station_location_codes",
        "text",
        True,
    ),
    Key("ScheduledWorkitemCodeSequence.CodeValue", "00404018.00080100", "scheduled_workitem_codes", "text", True),
    Key(
        "ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue",
        "00404034.00404009.00080100",
        "scheduled_human_performer_codes",
        "text",
        True,
    ),
    Key("PatientName", "00100010", "patient_name", "name"),
    Key("PatientID", "00100020", "patient_id", "text"),
    Key("IssuerOfPatientID", "00100021", "issuer_of_patient_id", "text"),
    Key("PatientBirthDate", "00100030", "patient_birth_date", "date"),
    Key("PatientSex", "00100040", "patient_sex", "code"),
    Key("AdmissionID", "00380010", "admission_id", "text"),
    Key(
        "IssuerOfAdmissionIDSequence.LocalNamespaceEntityID", "00380014.00400031", "issuers_of_admission", "text", True
    ),
    Key("ReferencedRequestSequence.AccessionNumber", "0040A370.00080050", "accession_numbers", "text", True),
    Key("ReferencedRequestSequence.RequestedProcedureID", "0040A370.00401001", "requested_procedure_ids", "text", True),
    Key(
        "ReferencedRequestSequence.IssuerOfAccessionNumberSequence.LocalNamespaceEntityID",
        "0040A370.00080051.00400031",
        "issuers_of_accession",
        "text",
        True,
    ),
    Key("ReferencedRequestSequence.RequestingService", "0040A370.00321033", "requesting_services", "text", True),
    Key(
        "ReplacedProcedureStepSequence.ReferencedSOPInstanceUID",
        "00741224.00081155",
        "replaced_workitem_uids",
        "uid",
        True,
    ),
)

# What people write when they mean the key.
SHORT = {
    "00404025": "00404025.00080100",
    "00404026": "00404026.00080100",
    "00404027": "00404027.00080100",
    "00404018": "00404018.00080100",
    "00404034": "00404034.00404009.00080100",
    "00080050": "0040A370.00080050",
    "00401001": "0040A370.00401001",
    "00080051": "0040A370.00080051.00400031",
    "00380014": "00380014.00400031",
    "00321033": "0040A370.00321033",
    "00741224": "00741224.00081155",
    "0040A370.0020000D": "0020000D",
}
TAGS = {keyword: tag for key in KEYS for keyword, tag in zip(key.path.split("."), key.tags.split("."), strict=True)}
BY_TAGS = {key.tags: key for key in KEYS}
NORMALISED = {"code": str.upper, "text": fold, "name": fold_name}
LONGEST = 512


def columns_of(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every key's column but those that no dataset decides. Raises BadRequest for a wrong date-time."""
    made = {key.column: column_of(dataset, key) for key in KEYS if key.column not in ("workitem_uid", "state")}
    made["study_instance_uid"] = value(dataset, "0020000D") or value(dataset, "0040A370.0020000D") or None
    return made


def column_of(dataset: Mapping[str, Any], key: Key) -> str | datetime | None:
    found = values(dataset, key.tags)
    if key.matching == "moment":
        return bounds(found[0], key.path)[0] if found else None
    normalise = NORMALISED.get(key.matching, str)
    texts = [normalise(each).replace("\\", " ")[:LONGEST] for each in found]
    if key.several:
        return "\\" + "".join(f"{each}\\" for each in texts[:64]) if texts else ""
    return texts[0] if texts else None
