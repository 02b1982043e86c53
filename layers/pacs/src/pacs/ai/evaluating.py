"""How good is a provider on studies whose reports we have, what does it cost, and how long does it take?

Each study goes the way of a pre-report: told and shown to the provider by the same rules, asked through the same
orchestrator (consent, budgets, patience), counted with the purpose "evaluation". Called by `pacs ai eval`.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pacs.ai.configuring import Configured
from pacs.ai.context import Case, case_of
from pacs.ai.drafts import Drafted, draft, is_critical
from pacs.ai.orchestrating import Answered, Attempt, answer, total
from pacs.ai.presets import preset_for, preset_named
from pacs.ai.previews import Preview, choose
from pacs.ai.providers import ORCHESTRATOR, provider_named
from pacs.ai.references import Reference
from pacs.ai.scoring import Scores, score, score_of_failure
from pacs.ai.sending import NothingToShow
from pacs.ai.usage import About
from pacs.errors import NobodyAnswered
from pacs.people.scope import Scope
from pacs.ports import Describer, Services
from pacs.reporting.body import checked_language

NO_IMAGES = "no-images"


@dataclass(frozen=True)
class Exam:
    """A study with its report, and the archive in which its images lie."""

    reference: Reference
    services: Services
    scope: Scope
    study: str


@dataclass(frozen=True)
class Wanted:
    """Empty: the preset that suits the study, the language of its report."""

    provider: str
    preset: str = ""
    language: str = ""


@dataclass(frozen=True)
class Result:
    """What a provider made of a study. `document`: its draft, or None, and `failure` says why. `cost` in US dollars,
    None when nobody knows the price; `seconds` are those of the calls that were answered.
    """

    study: str
    provider: str
    model: str
    preset: str
    language: str
    scores: Scores
    document: Mapping[str, Any] | None = None
    failure: str = ""
    mended: bool = False
    images: int = 0
    seconds: float = 0.0
    cost: Decimal | None = Decimal(0)

    @property
    def critical(self) -> bool:
        return self.document is not None and is_critical(self.document)


@dataclass(frozen=True)
class Total:
    """All studies of one provider. `failures`: how many for what reason; seconds and costs are of a study."""

    provider: str
    models: tuple[str, ...]
    studies: int
    drafted: int
    mended: int
    failures: Mapping[str, int]
    scores: Scores
    median_s: float | None
    p95_s: float | None
    cost: Decimal | None

    @property
    def cost_of_draft(self) -> Decimal | None:
        """What a draft costs, those included that came to nothing."""
        return self.cost / self.drafted if self.cost is not None and self.drafted else None


def check(wanted: Sequence[Wanted]) -> None:
    """Raises BadRequest for a provider, preset or language that nobody knows."""
    for each in wanted:
        if each.provider != ORCHESTRATOR:
            provider_named(each.provider)
        if each.preset:
            preset_named(each.preset)
        if each.language:
            checked_language(each.language)


def evaluate(
    services: Services, scope: Scope, exam: Exam, wanted: Wanted, still_wanted: Callable[[], bool] = lambda: True
) -> Result:
    """Have one study described, and compare. Raises BadRequest, Cancelled, and what is not the provider's fault."""
    reference = exam.reference
    case = case_of(exam.services, exam.scope, exam.study)
    language = wanted.language or reference.language
    texts = (case.body_part, *(each.description for each in case.series), case.description)
    asking = Asking(exam, case, wanted.preset or preset_for(case.modalities, texts), language)
    scores = score_of_failure(reference.sections, reference.critical)
    failed = Result(reference.name, wanted.provider, "", asking.preset, language, scores)
    try:
        answered: Answered[Drafted] = answer(
            services,
            scope,
            wanted.provider,
            asking,
            about=About("evaluation"),
            needs_vision=wanted.provider == ORCHESTRATOR,
            language=language,
            still_wanted=still_wanted,
            told=lambda attempts, name: None,
        )
    except NobodyAnswered as error:
        last: Attempt = error.attempts[-1]
        return replace(failed, model=last.model, failure=last.why, cost=total(error.attempts))
    except NothingToShow:
        return replace(failed, failure=NO_IMAGES)
    document, answers = answered.drafted.document, answered.drafted.answers
    return replace(
        failed,
        model=answered.model,
        scores=score(document, reference.sections, reference.critical, reference.language, language),
        document=document,
        mended=len(answers) > 1,
        images=asking.images,
        seconds=round(sum(each.usage.seconds for each in answers), 3),
        cost=answered.cost,
    )


@dataclass
class Asking:
    """Asks one provider about a study, with as many images as it takes. Raises NothingToShow, and what `draft` does."""

    exam: Exam
    case: Case
    preset: str
    language: str
    images: int = 0

    def __call__(self, found: Configured, describer: Describer) -> Drafted:
        provider, exam = found.provider, self.exam
        previews: tuple[Preview, ...] = ()
        if provider.vision:
            limits = {"most": provider.most_images, "most_px": provider.most_px}
            previews = choose(exam.services, exam.scope, exam.study, **limits).previews
            if not previews:
                raise NothingToShow("the study has no image that could be sent")
        self.images = len(previews)
        return draft(describer, self.case, previews, self.preset, self.language)


def total_of(results: Sequence[Result]) -> Total:
    """The sum over the studies of one provider."""
    drafted = [each for each in results if each.document is not None]
    seconds = sorted(each.seconds for each in drafted)
    costs = [each.cost for each in results]
    return Total(
        results[0].provider,
        tuple(dict.fromkeys(each.model for each in drafted)),
        len(results),
        len(drafted),
        sum(each.mended for each in drafted),
        dict(Counter(each.failure for each in results if each.failure)),
        sum((each.scores for each in results), Scores()),
        statistics.median(seconds) if seconds else None,
        seconds[math.ceil(0.95 * len(seconds)) - 1] if seconds else None,
        None if None in costs else sum((each for each in costs if each is not None), Decimal(0)),
    )
