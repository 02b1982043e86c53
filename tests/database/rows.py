"""Rows as the indexer makes them, for index_instances: `row(series="1.2.1", instance="1.2.1.1")`."""

from typing import Any

ORGANIZATION = "00000000-0000-4000-8000-000000000001"
NOON = "2024-05-01T12:00:00+00:00"
LATER = "2024-05-01T13:00:00+00:00"
LATEST = "2024-05-01T14:00:00+00:00"

Row = dict[str, Any]


def row(
    study: str = "1.2",
    series: str = "1.2.1",
    instance: str = "1.2.1.1",
    *,
    received_at: str = NOON,
    name: str = "yilmaz^ayse",
    modality: str | None = "CT",
    sha256: str = "aa",
    **changes: Any,
) -> Row:
    made: Row = {
        "organization_id": ORGANIZATION,
        "branch_id": None,
        "received_at": received_at,
        "study_instance_uid": study,
        "series_instance_uid": series,
        "sop_instance_uid": instance,
        "patient_key": f"key of {name}",
        "study": {"study_instance_uid": study, "patient_name": name, "study_date": "20240501", "patient_id": "P1"},
        "study_dicom": {"00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}},
        "series": {"series_instance_uid": series, "modality": modality, "series_number": 3},
        "series_dicom": {"00080060": {"vr": "CS", "Value": [modality]}},
        "instance": {"sop_instance_uid": instance, "sop_class_uid": "1.9", "rows": 512, "columns": 256},
        "instance_dicom": {"00080018": {"vr": "UI", "Value": [instance]}},
        "patient_dicom": {"00100020": {"vr": "LO", "Value": ["P1"]}},
        "object_key": f"{ORGANIZATION}/{study}/{series}/{instance}.dcm",
        "size_bytes": 1000,
        "sha256": sha256,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "frames": "1000:200",
        "metadata_key": "metadata/one",
    }
    return made | changes
