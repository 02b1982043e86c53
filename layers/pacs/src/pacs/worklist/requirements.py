"""What a workitem must say: when it is made, when it is changed, and before it ends. Called by worklist.transitions.

Source: PS3.4 Table CC.2.5-3
"""

from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest, Conflict
from pacs.worklist.moments import bounds
from pacs.worklist.payload import Json, value, values

SOP_CLASS_UID = "00080016"
SOP_INSTANCE_UID = "00080018"
TRANSACTION_UID = "00081195"
STATE = "00741000"
INPUT_READINESS = "00404041"
STATION_NAMES = "00404025"
HUMAN_PERFORMERS = "00404034"
MODIFIED = "00404010"
WORKLIST_LABEL = "00741202"
PROGRESS = "00741002"
PERFORMED = "00741216"
CANCELLATION = "00404052"
DISCONTINUATION = "0074100E"
OUTPUT = "00404033"
START = "00404005"

PUSH_CLASS = "1.2.840.10008.5.1.4.34.6.1"
INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."

# Column "Req. Type N-CREATE" of the table: type 1. Those that are R in "Final State" are among them, or ours to set.
REQUIRED = {
    "00741200": "ScheduledProcedureStepPriority",
    "00741204": "ProcedureStepLabel",
    START: "ScheduledProcedureStepStartDateTime",
    INPUT_READINESS: "InputReadinessState",
    STATE: "ProcedureStepState",
}
# What a workitem always has: type 1 of the service, whether it was given or filled in.
KEPT = {**REQUIRED, WORKLIST_LABEL: "WorklistLabel"}
# Source: PS3.3 Table C.30.2-1
TERMS = {
    "00741200": ("HIGH", "MEDIUM", "LOW"),
    INPUT_READINESS: ("INCOMPLETE", "UNAVAILABLE", "READY"),
}
# Each performed procedure of a completed workitem: P.
PERFORMED_REQUIRED = {
    "00404028": "PerformedStationNameCodeSequence",
    "00404050": "PerformedProcedureStepStartDateTime",
    "00404019": "PerformedWorkitemCodeSequence",
    "00404051": "PerformedProcedureStepEndDateTime",
}
# What only the archive sets, and what a workitem is about: "Not allowed" in column N-SET.
UNCHANGEABLE = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    STATE: "ProcedureStepState",
    MODIFIED: "ScheduledProcedureStepModificationDateTime",
    "00100010": "PatientName",
    "00100020": "PatientID",
    "00100021": "IssuerOfPatientID",
    "00100024": "IssuerOfPatientIDQualifiersSequence",
    "00100030": "PatientBirthDate",
    "00100040": "PatientSex",
    "00380010": "AdmissionID",
    "00380014": "IssuerOfAdmissionIDSequence",
    "00081080": "AdmittingDiagnosesDescription",
    "00081084": "AdmittingDiagnosesCodeSequence",
    "0040A370": "ReferencedRequestSequence",
    "00741224": "ReplacedProcedureStepSequence",
}


def require_new(dataset: Json) -> None:
    """Raises BadRequest, whose field is the attribute, for a dataset that makes no workitem."""
    for tag, keyword in REQUIRED.items():
        if not value(dataset, tag):
            raise BadRequest(f"{keyword} is missing", field=keyword)
    if value(dataset, STATE) != "SCHEDULED":
        raise BadRequest("The provided value of UPS State was not SCHEDULED.", field="ProcedureStepState")
    if value(dataset, TRANSACTION_UID):
        raise BadRequest("TransactionUID must be empty", field="TransactionUID")
    for tag, keyword in ((PROGRESS, "ProcedureStepProgressInformationSequence"), (PERFORMED, "performed procedures")):
        if dataset.get(tag, {}).get("Value"):
            raise BadRequest(f"{keyword} must be empty in a new workitem", field=tag)
    require_terms(dataset)


def require_change(dataset: Json) -> None:
    """Raises BadRequest for changes that nobody may make, or that would leave a workitem without what it must say."""
    for tag, keyword in UNCHANGEABLE.items():
        if tag in dataset:
            raise BadRequest(f"{keyword} cannot be changed", field=keyword)
    for tag, keyword in KEPT.items():
        if tag in dataset and not value(dataset, tag):
            raise BadRequest(f"{keyword} must not be empty", field=keyword)
    require_terms(dataset)


def require_terms(dataset: Json) -> None:
    for tag, terms in TERMS.items():
        if tag in dataset and value(dataset, tag) not in terms:
            raise BadRequest(f"{REQUIRED[tag]} must be one of {', '.join(terms)}", field=REQUIRED[tag])
    if START in dataset:
        bounds(value(dataset, START), REQUIRED[START])
    for path in ("0020000D", "0040A370.0020000D"):
        if not all(is_uid(each) for each in values(dataset, path)):
            raise BadRequest("StudyInstanceUID is not a UID", field="StudyInstanceUID")


def require_completed(dataset: Json) -> None:
    """Raises Conflict, whose field is the first attribute that is missing, when a workitem cannot be completed yet.

    Output information must be there; it is empty when the step has made none.
    Source: PS3.4 §CC.2.5.1.1
    """
    for tag, keyword in REQUIRED.items():
        if not value(dataset, tag):
            raise Conflict(INCONSISTENT, field=keyword)
    performed = dataset.get(PERFORMED, {}).get("Value", [])
    if not performed:
        raise Conflict(INCONSISTENT, field="UnifiedProcedureStepPerformedProcedureSequence")
    for item in performed:
        for tag, keyword in PERFORMED_REQUIRED.items():
            if not item.get(tag, {}).get("Value"):
                raise Conflict(INCONSISTENT, field=keyword)
        if OUTPUT not in item:
            raise Conflict(INCONSISTENT, field="OutputInformationSequence")
