"""Pre-reports as a radiologist sees them beside a study: whom to ask, how far it is, what came of it.

Called by functions/ai; what other pages tell of pre-reports: `prereport_marks`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from pacs.ai.jobs import Job, Wanted, list_jobs
from pacs.ai.offering import offers
from pacs.ai.prereports import PreReport, list_prereports
from pacs.ai.presets import preset_for
from pacs.ai.providers import MOCK, ORCHESTRATOR, PROVIDERS
from pacs.ai.taking import sections_of
from pacs.people.permissions import may
from pacs.people.scope import Scope
from pacs.portal import prereport_words as words
from pacs.portal.pages import UNFORESEEN
from pacs.portal.prereport_marks import critical_of, own
from pacs.portal.prereport_words import LACKS, REASONS, STEPS, WHYS
from pacs.ports import Services
from pacs.reading.states import UNCLAIMED
from pacs.reporting.assisting import joined
from pacs.reporting.body import LANGUAGES, Sections, plain
from pacs.reporting.differences import Change, differences
from pacs.reporting.drafts import list_reports, read_report

SERIES = text(
    "select series_instance_uid, series_number, coalesce(dicom #>> '{0008103E,Value,0}', '') as description,"
    " coalesce(modality, '') as modality from series where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = :study"
)
LABELS = {ORCHESTRATOR: "RAI Orchestrator", **{each.name: each.label for each in PROVIDERS.values()}}


@dataclass(frozen=True)
class Image:
    """An image that a model was shown, with what is known of its series. `used`: the model says that it rests on it.

    `why` names the rule that chose it.
    """

    number: int
    series: str
    window: str
    frame: int
    why: str
    used: bool


@dataclass(frozen=True)
class Shown:
    """A job as people see it, with its draft. `step` counts from 1; `asking` is who is asked now."""

    job: Job
    draft: PreReport | None
    seconds: float
    images: Sequence[Image] = ()
    newest: bool = False

    @property
    def label(self) -> str:
        """Who has made the draft, or was to make it."""
        return LABELS.get(self.draft.provider if self.draft else self.job.provider, self.job.provider)

    @property
    def is_made_up(self) -> bool:
        return self.draft is not None and self.draft.provider == MOCK

    @property
    def step(self) -> int:
        return [*STEPS].index(self.step_name) + 1

    @property
    def step_name(self) -> str:
        name = self.job.step.partition(" ")[0]
        return name if name in STEPS else "looking"

    @property
    def told(self) -> str:
        return STEPS[self.step_name]

    @property
    def asking(self) -> str:
        name = self.job.step.partition(" ")[2]
        return LABELS.get(name, name)

    @property
    def reason(self) -> str:
        """Why there is no draft, in words; of one who was asked alone what is said of him."""
        reason = self.job.reason
        return REASONS.get(reason) or WHYS.get(reason.lower().replace("_", "-")) or UNFORESEEN

    @property
    def attempts(self) -> list[dict[str, Any]]:
        return [
            {**each, "label": LABELS.get(each["provider"], each["provider"]), "cost": cost_of(each.get("cost"))}
            for each in self.job.attempts
        ]


def cost_of(told: Any) -> Decimal | None:
    return None if told is None else Decimal(str(told))


def panel(services: Services, scope: Scope, study: Mapping[str, Any], language: str, default: str) -> dict[str, Any]:
    """What the panel beside a study shows. `language` is that of the report, if there is one, `default` the page's."""
    drafts = {each.job_id: each for each in list_prereports(services, scope, study["code"])}
    series = services.database.fetch(SERIES, own(scope, study)) if drafts else []
    captions = {row["series_instance_uid"]: caption_of(row) for row in series}
    now, jobs = services.clock.now(), list_jobs(services, scope, study["code"])
    newest = next((each.id for each in jobs if each.id in drafts), "")
    ended = [each for each in jobs if not each.is_open]
    return {
        "code": study["code"],
        "takes": takeable(scope, study),
        "press": uuid4().hex,
        "offers": [(each.name, each.label, LACKS.get(each.lacks, "")) for each in offers(services, scope)],
        "wanted": wanted_of(jobs, study, language, default),
        "words": words,
        "written": LANGUAGES,
        "running": [Shown(each, None, each.seconds(now)) for each in jobs if each.is_open],
        "ended": [
            Shown(each, draft, each.seconds(now), images_of(draft, captions), each.id == newest)
            for each in ended
            if (draft := drafts.get(each.id)) or each is ended[0]
        ],
        "critical": critical_of(services, scope, study),
    }


def takeable(scope: Scope, study: Mapping[str, Any]) -> bool:
    """Whether somebody may write at the report of a study, or may claim it first."""
    if not may(scope, "reports.write"):
        return False
    mine = bool(study["claimed_by"]) and study["claimed_by"]["id"] == scope.member_id
    return study["state"] in UNCLAIMED or (mine and study["state"] in ("claimed", "draft"))


def wanted_of(jobs: Sequence[Job], study: Mapping[str, Any], language: str, default: str) -> Wanted:
    """What is likely wanted: what was asked for last, or else the preset of the modality."""
    if jobs:
        return Wanted(jobs[0].provider, jobs[0].preset, language or jobs[0].language)
    return Wanted(preset=preset_of(study), language=language or default)


def preset_of(study: Mapping[str, Any]) -> str:
    return preset_for(study["modalities"], [study["study_description"]])


def caption_of(series: Mapping[str, Any]) -> str:
    if series["description"]:
        return str(series["description"])
    number = "" if series["series_number"] is None else f" {series['series_number']}"
    return f"{series['modality']}{number}"


def images_of(draft: PreReport | None, captions: Mapping[str, str]) -> list[Image]:
    """The images that a draft rests on; its numbers are those of the pictures that were sent."""
    if draft is None:
        return []
    used = draft.document["images_used"]
    return [
        Image(
            each["number"],
            captions.get(each["series_instance_uid"], ""),
            each.get("window", ""),
            each.get("frame", 1),
            each.get("why", ""),
            each["number"] in used,
        )
        for each in draft.images
    ]


def legible(told: str) -> str:
    """What was told to a model, as people read it: JSON by lines."""
    try:
        return json.dumps(json.loads(told), indent=2, ensure_ascii=False)
    except ValueError:
        return told


@dataclass(frozen=True)
class Written:
    """The report that a draft would go into, and what of it would change, section by section."""

    id: str
    version: int
    has_words: bool
    changes: Mapping[str, list[Change]]


def written_so_far(services: Services, scope: Scope, draft: PreReport) -> Written | None:
    """One's own draft of the study, the one that was written at last, before a model's goes into it. None: no draft."""
    reports = [
        each
        for each in list_reports(services, scope, draft.code)
        if each["state"] == "draft" and each["member_id"] == scope.member_id
    ]
    if not reports:
        return None
    report = read_report(services, scope, max(reports, key=lambda each: each["updated_at"])["id"])
    before: Sections = report["sections"]
    changes = differences(before, joined(before, sections_of(draft.document)))
    return Written(report["id"], report["version"], any(plain(each) for each in before.values()), changes)
