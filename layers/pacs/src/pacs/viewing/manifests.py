"""Studies as OHIF's data source `dicomjson` reads them: keywords in place of tags, and an address for each instance.

Called by functions/dicomweb. Source: OHIF documentation, "DICOM JSON"
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

Json = dict[str, Any]

OF_STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber")
OF_PATIENT = ("PatientName", "PatientID", "PatientAge", "PatientSex", "PatientBirthDate")
OF_SERIES = ("SeriesInstanceUID", "SeriesNumber", "SeriesDate", "SeriesTime", "SeriesDescription", "Modality")


def manifest(studies: Sequence[Sequence[Mapping[str, Any]]], base: str) -> Json:
    """The manifest of studies, each given as the DICOM JSON of its instances; files are at `base` and their UID."""
    return {"studies": [study_of([natural(each) for each in documents], base) for documents in studies]}


def study_of(instances: Sequence[Json], base: str) -> Json:
    """One study: what its first instance says of it, and its series in their order."""
    by_series: dict[str, list[Json]] = {}
    for each in instances:
        by_series.setdefault(each["SeriesInstanceUID"], []).append(each)
    modalities = sorted({each["Modality"] for each in instances if each.get("Modality")})
    return {
        **{name: instances[0].get(name, "") for name in (*OF_STUDY, *OF_PATIENT)},
        "NumInstances": len(instances),
        "Modalities": "/".join(modalities),
        "series": [series_of(members, base) for members in by_series.values()],
    }


def series_of(members: Sequence[Json], base: str) -> Json:
    return {
        **{name: members[0].get(name, "") for name in OF_SERIES},
        "instances": [{"metadata": each, "url": address(base, each["SOPInstanceUID"])} for each in members],
    }


def address(base: str, uid: str) -> str:
    """Viewers ask for a frame by `&frame=` behind it, so it has a query."""
    return f"dicomweb:{base}{uid}?as=file"


def natural(document: Mapping[str, Any]) -> Json:
    """A dataset by keywords: one value as itself, several as a list, names as text; without what has no keyword."""
    found: Json = {}
    for tag, attribute in document.items():
        keyword = keyword_of(tag)
        if keyword and "Value" in attribute:
            values = [natural_value(attribute["vr"], each) for each in attribute["Value"]]
            found[keyword] = values if attribute["vr"] == "SQ" or len(values) != 1 else values[0]
    return found


def natural_value(vr: str, value: Any) -> Any:
    if vr == "SQ":
        return natural(value or {})
    return next(iter(value.values()), "") if vr == "PN" and value else value


@lru_cache(maxsize=8192)
def keyword_of(tag: str) -> str:
    """The keyword of a tag; empty for private and unknown ones."""
    from pydicom.datadict import keyword_for_tag  # slow to import, and needed here alone

    return keyword_for_tag(int(tag, 16))
