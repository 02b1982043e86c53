"""Datasets of workitems: `scheduled(PatientID="P7")`, and what a request to change a state carries."""

from typing import Any

Json = dict[str, Any]

STUDY = "1.2.3"
MINE = "2.25.1111"
OTHERS = "2.25.2222"


def code(value: str, meaning: str = "") -> Json:
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": ["99PACS"]},
        "00080104": {"vr": "LO", "Value": [meaning or value]},
    }


def codes(*values: str) -> Json:
    return {"vr": "SQ", "Value": [code(each) for each in values]}


def scheduled(study: str = STUDY, **changes: Json) -> Json:
    """A workitem that is ready to be read; changes by tag with a leading T."""
    dataset = {
        "0020000D": {"vr": "UI", "Value": [study]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Işık^Ayşe"}]},
        "00100020": {"vr": "LO", "Value": ["P7"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": ["HIGH"]},
        "00741202": {"vr": "LO", "Value": ["Reading"]},
        "00741204": {"vr": "LO", "Value": ["Read the CT"]},
        "00404005": {"vr": "DT", "Value": ["20260501093000+0300"]},
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00404018": codes("READ"),
        "00404025": codes("READER1", "READER2"),
        "00100021": {"vr": "LO", "Value": ["Merkez"]},
        "00380014": {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": ["WARD"]}}]},
        "00741224": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["2.25.3"]}}]},
        "0040A370": {
            "vr": "SQ",
            "Value": [
                {
                    "00080050": {"vr": "SH", "Value": ["A1"]},
                    "00080051": {"vr": "SQ", "Value": [{"00400031": {"vr": "UT", "Value": ["RIS1"]}}]},
                    "0020000D": {"vr": "UI", "Value": [study]},
                    "00321033": {"vr": "LO", "Value": ["Oncology"]},
                }
            ],
        },
    }
    return dataset | {name[1:]: element for name, element in changes.items()}


def state(name: str, transaction_uid: str = MINE) -> Json:
    secret = {"vr": "UI", "Value": [transaction_uid]} if transaction_uid else {"vr": "UI"}
    return {"00741000": {"vr": "CS", "Value": [name]}, "00081195": secret}


def performed() -> Json:
    """What a workitem must say before it is completed."""
    step = {
        "00404028": codes("READER1"),
        "00404050": {"vr": "DT", "Value": ["20260501100000"]},
        "00404019": codes("READ"),
        "00404051": {"vr": "DT", "Value": ["20260501101500"]},
        "00404033": {"vr": "SQ", "Value": []},
    }
    return {"00741216": {"vr": "SQ", "Value": [step]}}
