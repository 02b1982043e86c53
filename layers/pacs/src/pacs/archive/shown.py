"""What of a study is shown to those who may not know whose it is? Pictures, and none that may have a name drawn in, but
where a mask covers it.

Asked by search and lookup for scopes with privacy; what is not shown is not there.

Source: PS3.15 §E.3.1 (clean pixel data), PS3.3 §C.7.6.1 (Burned In Annotation)
"""

from pacs.dicom.attributes import Level
from pacs.people.scope import Scope

# Devices of these kinds draw names beside the picture, not into it. Any other picture is shown when it says that
# nothing is drawn in.
PLAIN = ("BMD", "CR", "CT", "DX", "IO", "MG", "MR", "NM", "PT", "PX", "RF", "RTDOSE", "RTIMAGE", "SEG", "XA")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
VIDEO = "1.2.840.10008.1.2.4.10"  # streams have places for texts that nobody looks at
NAMED = ", ".join(f"'{each}'" for each in PLAIN)
# Over `series e` and `instances i`: where in its picture somebody has said that names are drawn.
MASKS = (
    "from pixel_masks m where (m.organization_id, m.modality, m.rows, m.columns)"
    " = (i.organization_id, e.modality, i.rows, i.columns) and m.manufacturer in ('', coalesce(e.manufacturer, ''))"
    " and i.bits_allocated in (8, 16)"
)
RECTANGLES = f"(select jsonb_agg(m.rectangles order by m.id) {MASKS}) as masks"
SHOWN = (
    f"i.frames <> '' and i.transfer_syntax_uid not like '{VIDEO}%'"
    " and (i.burned_in_annotation = 'NO' or (coalesce(i.burned_in_annotation, '') = ''"
    f" and e.modality in ({NAMED}) and i.sop_class_uid not like '{SECONDARY_CAPTURE}%') or exists (select {MASKS}))"
)
SERIES_SHOWN = (
    "exists (select from instances i where (i.organization_id, i.study_instance_uid, i.series_instance_uid)"
    f" = (e.organization_id, e.study_instance_uid, e.series_instance_uid) and {SHOWN})"
)


def shown_at(scope: Scope, level: Level) -> list[str]:
    """What privacy adds to a where clause whose rows are studies, series or instances."""
    if not scope.privacy or level == "study":
        return []
    return [SERIES_SHOWN if level == "series" else SHOWN]
