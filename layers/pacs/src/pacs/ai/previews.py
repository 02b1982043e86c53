"""The images of a study that a model is shown: small JPEG files without anybody's name. Called by working.

Looked at is only what a link with privacy would show, blank where masks lie (`pacs.archive.shown`, `masks`); what is
sent of it, and why, is said by `choosing`. Everything else is counted with the reason.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import text

from pacs.ai import choosing
from pacs.ai.choosing import Pick
from pacs.ai.key_images import KEY_OBJECT_SELECTION, Marked, read_marked
from pacs.ai.windows import AS_STORED, WINDOWS, windows_of
from pacs.archive.frames import FrameReader
from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.rendering import dataset_with_tables
from pacs.archive.search import scope_conditions
from pacs.archive.shown import SHOWN, VIDEO
from pacs.dicom.json import element_values
from pacs.dicom.render import render
from pacs.dicom.text import fold
from pacs.errors import NotFound, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Rows, Services
from pacs.reading.naming import code_of
from pacs.reading.studies import first_value, named

QUALITY = 88
# Why an instance is not looked at; docs/ai.md says more.
Reason = Literal[
    "derived",
    "document",
    "dose_report",
    "localizer",
    "may_name_somebody",
    "not_chosen",
    "raw",
    "rejected",
    "unreadable",
    "video",
]
IMAGE_TYPE = 0x00080008
STUDY_DESCRIPTION, SERIES_DESCRIPTION, PROTOCOL, BODY_PART = "00081030", "0008103E", "00181030", "00180015"
# Modalities whose overviews are for planning, words for these, and how many images one of them has at most.
PLANNED = frozenset(("CT", "MR", "PT"))
OVERVIEWS = re.compile(r"locali|lokali|scout|topogram|surview|survey|scano|pilot|\bloc\b")
MOST_OVERVIEWS = 40
DOSE = ("dose report", "dose info", "dose record", "dosereport", "doz rapor", "patient protocol")
DERIVED = frozenset(("SEG", "RTDOSE"))
# Raw radiographs, mammograms and dental ones, of which devices send what is to be looked at beside them.
FOR_PROCESSING = frozenset(f"1.2.840.10008.5.1.4.1.1.1.{kind}.1" for kind in (1, 2, 3))
SERIES = (
    "select s.study_instance_uid, s.dicom as study, e.series_instance_uid, e.modality, e.dicom as series,"  # noqa: S608
    " count(i.sop_instance_uid) as instances,"
    " count(*) filter (where i.sop_instance_uid is not null and coalesce(i.frames, '') = '' and i.rows is null)"
    " as documents, count(*) filter (where coalesce(i.frames, '') = '' and i.rows is not null) as unreadable,"
    f" count(*) filter (where i.frames <> '' and i.transfer_syntax_uid like '{VIDEO}%') as videos,"
    f" count(*) filter (where i.frames <> '' and i.transfer_syntax_uid not like '{VIDEO}%' and ({SHOWN}) is not true)"
    " as named, jsonb_agg(i.object_key order by i.received_at desc)"
    f" filter (where i.sop_class_uid = '{KEY_OBJECT_SELECTION}') as key_objects"
    " from studies s left join series e using (organization_id, study_instance_uid)"
    " left join instances i using (organization_id, study_instance_uid, series_instance_uid) where "
)
GROUPED = (
    " group by s.organization_id, s.study_instance_uid, e.organization_id, e.study_instance_uid, e.series_instance_uid"
    " order by e.series_number nulls last, e.series_instance_uid"
)


@dataclass(frozen=True)
class Preview:
    """One image as it is sent. `frame` counts from 1; `window` is a name of WINDOWS, or empty; `why` names the rule.

    `series` is the place of its series in the study, as `context.SeriesTold` has it.
    """

    number: int
    series: int
    series_instance_uid: str
    sop_instance_uid: str
    frame: int
    window: str
    why: str
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class Chosen:
    """`left_out`: why, and how many instances; with those of the previews they are all of the study."""

    previews: tuple[Preview, ...] = ()
    left_out: Mapping[Reason, int] = field(default_factory=dict)


@dataclass
class Candidate:
    """A series that may be looked at, and its place in the study."""

    number: int
    uid: str
    modality: str
    windows: tuple[str, ...]
    instances: list[Instance]
    images: list[choosing.Image]

    @property
    def series(self) -> choosing.Series:
        return choosing.Series(self.modality, self.images, self.windows)


def choose(services: Services, scope: Scope, code: str, *, most: int, most_px: int) -> Chosen:
    """At most `most` images of a study, their longer side at most `most_px` pixels. Raises NotFound.

    Set-based: of the originals only the headers of what is chosen are read, and of key object selections.
    """
    rows = list_series(services, scope, code)
    left_out: Counter[Reason] = Counter()
    for row in rows:
        left_out += Counter({"document": row["documents"], "video": row["videos"], "may_name_somebody": row["named"]})
        left_out["unreadable"] += row["unreadable"]
    candidates = list_candidates(services, scope, rows, left_out)
    readers = Readers(services)
    given = shared(candidates, most, readers, left_out)
    previews: list[Preview] = []
    for candidate, places in zip(candidates, given, strict=True):
        picks = choosing.picks(candidate.series, places)
        previews += drawn(candidate, picks, readers, most_px, left_out)
        seen = {candidate.instances[each.image].path.instance for each in picks}
        left_out["not_chosen"] += len(candidate.instances) - len(seen)
    numbered = tuple(replace(each, number=number) for number, each in enumerate(previews, 1))
    return Chosen(numbered, {reason: count for reason, count in sorted(left_out.items()) if count})


def list_series(services: Services, scope: Scope, code: str) -> Rows:
    """The series of a study with how many instances of each are no image that may be looked at. Raises NotFound."""
    parameters: dict[str, Any] = {"code": code_of(code)}
    conditions = " and ".join([*scope_conditions(scope, parameters), named(code)])
    rows = services.database.fetch(text(SERIES + conditions + GROUPED), parameters)
    if not rows:
        raise NotFound("no such study", field="code")
    return rows


def list_candidates(services: Services, scope: Scope, rows: Rows, left_out: Counter[Reason]) -> list[Candidate]:
    """The series with images that strangers would be shown, and that tell something; others are counted."""
    try:
        level = Level(rows[0]["study_instance_uid"])
        instances = find_instances(services.database, replace(scope, privacy=True), level)
    except NotFound:
        return []
    marked = read_marked(services, [key for row in rows for key in row["key_objects"] or ()])
    finished = {each.sop_class_uid for each in instances} - FOR_PROCESSING
    shown: dict[str, list[Instance]] = {}
    for each in instances:
        if each.sop_class_uid in FOR_PROCESSING and each.sop_class_uid.removesuffix(".1") in finished:
            left_out["raw"] += 1
        else:
            shown.setdefault(each.path.series, []).append(each)
    found = []
    for number, row in enumerate(rows, 1):
        members = shown.get(row["series_instance_uid"], [])
        if reason := needless(row):
            left_out[reason] += len(members)
            continue
        wanted = [each for each in members if each.path.instance not in marked.rejected]
        left_out["rejected"] += len(members) - len(wanted)
        if wanted:
            found.append(candidate_of(number, row, wanted, marked))
    return found


def candidate_of(number: int, row: Mapping[str, Any], instances: list[Instance], marked: Marked) -> Candidate:
    named_by = ((row["series"], SERIES_DESCRIPTION), (row["series"], BODY_PART), (row["series"], PROTOCOL))
    texts = [first_value(*each) for each in (*named_by, (row["study"], STUDY_DESCRIPTION))]
    images = []
    for each in instances:
        keys = marked.keys.get(each.path.instance)
        images.append(choosing.Image(each.frame_table.number_of_frames, None if keys is None else tuple(keys)))
    modality = row["modality"] or ""
    return Candidate(number, row["series_instance_uid"], modality, windows_of(modality, texts), instances, images)


def needless(row: Mapping[str, Any]) -> Reason | None:
    """Why nothing of a series is looked at, as far as the index tells; None: something is."""
    described = " ".join(fold(first_value(row["series"] or {}, tag)) for tag in (SERIES_DESCRIPTION, PROTOCOL))
    if row["modality"] in DERIVED:
        return "derived"
    if any(each in described for each in DOSE):
        return "dose_report"
    overview = row["modality"] in PLANNED and row["instances"] <= MOST_OVERVIEWS
    return "localizer" if overview and OVERVIEWS.search(described.replace("_", " ")) else None


class Readers:
    """Those of this call, so that no header is read twice."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._readers: dict[str, FrameReader] = {}

    def of(self, instance: Instance) -> FrameReader:
        return self._readers.setdefault(instance.object_key, FrameReader(self._services, instance))

    def is_overview(self, instance: Instance) -> bool:
        """Whether its header says so. Source: PS3.3 §C.8.2.1.1.1 and §C.8.3.1.1.1"""
        try:
            values = element_values(self.of(instance).header.root, IMAGE_TYPE, "CS")
        except Unavailable:
            raise
        except PacsError:
            return False
        return any(str(each).upper() in ("LOCALIZER", "SCOUT") for each in values)


def shared(candidates: list[Candidate], most: int, readers: Readers, left_out: Counter[Reason]) -> list[int]:
    """How many places each candidate gets. Small series whose headers tell that they are overviews leave the list."""
    looked_at: set[str] = set()
    while True:
        given = choosing.shares([each.series for each in candidates], most)
        asked = [
            each
            for each, places in zip(candidates, given, strict=True)
            if places
            and each.modality in PLANNED
            and len(each.instances) <= MOST_OVERVIEWS
            and each.uid not in looked_at
        ]
        if not asked:
            return given
        for each in asked:
            looked_at.add(each.uid)
            if readers.is_overview(each.instances[len(each.instances) // 2]):
                left_out["localizer"] += len(each.instances)
                candidates.remove(each)


def drawn(
    candidate: Candidate, picks: Sequence[Pick], readers: Readers, most_px: int, left_out: Counter[Reason]
) -> list[Preview]:
    """Each frame is decoded once, whatever its windows; instances of which nothing can be drawn are counted."""
    found: list[Preview] = []
    for image, of_image in groupby(picks, key=lambda each: each.image):
        instance = candidate.instances[image]
        if candidate.modality in PLANNED and readers.is_overview(instance):
            left_out["localizer"] += 1
            continue
        before = len(found)
        for _, of_frame in groupby(of_image, key=lambda each: each.frame):
            try:
                found += drawn_frame(readers.of(instance), candidate, instance, list(of_frame), most_px)
            except Unavailable:
                raise
            except PacsError:
                continue
        left_out["unreadable"] += len(found) == before
    return found


def drawn_frame(
    reader: FrameReader, candidate: Candidate, instance: Instance, picks: Sequence[Pick], most_px: int
) -> list[Preview]:
    """One frame in its windows; a coloured one as it is. Raises UndecodablePixels and what readers raise."""
    frame = picks[0].frame
    pixels, dataset = reader.pixels(frame), dataset_with_tables(reader)
    longest = max(pixels.shape[:2])
    size = (most_px, most_px) if longest > most_px else None
    found = []
    for pick in picks[:1] if pixels.ndim == 3 else picks:
        window = AS_STORED if pixels.ndim == 3 else pick.window
        jpeg = render(
            pixels, dataset, window=WINDOWS.get(window), size=size, format="jpeg", quality=QUALITY, frame_number=frame
        )
        place = candidate.number, candidate.uid, instance.path.instance, frame
        found.append(Preview(0, *place, window, pick.why, jpeg))
    return found
