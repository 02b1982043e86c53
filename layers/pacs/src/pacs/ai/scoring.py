"""How far does a draft say what a radiologist's report says? Pure; asked by `evaluating`.

Words differ where meanings do not, so nothing here counts words. Compared is what a reader must not be told wrongly:
which sections say something, what is denied, which side and which measure is meant, and whether something cannot wait.
What only one of two texts speaks of is neither agreement nor disagreement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pacs.ai.drafts import TEXTS, is_critical
from pacs.dictation.guarding import Facts, facts_of
from pacs.dictation.guarding.negations import COMPILED, Negations
from pacs.dictation.guarding.numbers import not_found_numbers
from pacs.dictation.guarding.sides import not_found_sides

# Where findings are said.
SAID = ("findings", "impression")


@dataclass(frozen=True)
class Share:
    """So many of so many; of none it is no share."""

    right: int = 0
    of: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.right + other.right, self.of + other.of)

    @property
    def part(self) -> float | None:
        return self.right / self.of if self.of else None


@dataclass(frozen=True)
class Scores:
    """`sections`: of those that the report fills, how many the draft does. `negations`: of what one denies and the
    other speaks of, what both deny. `sides`: where both name sides, of all of them those that the other names, too.
    `measures`: of those with a unit in the draft, those in the report.
    `recall`: of the critical studies those that were called so; `precision`: of those called so the critical ones.
    """

    sections: Share = Share()
    negations: Share = Share()
    sides: Share = Share()
    measures: Share = Share()
    recall: Share = Share()
    precision: Share = Share()

    def __add__(self, other: "Scores") -> "Scores":
        return Scores(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def score(
    document: Mapping[str, object], reference: Mapping[str, str], critical: bool | None, language: str, written_in: str
) -> Scores:
    """A draft that is written in `written_in` beside a report in `language`."""
    wanted = [name for name in TEXTS if reference.get(name, "").strip()]
    filled = [name for name in wanted if str(document[name]).strip()]
    called = is_critical(document)
    known = {language, written_in} <= set(COMPILED)  # what is guarded
    report, draft = facts(reference, language), facts(document, written_in)
    return Scores(
        Share(len(filled), len(wanted)),
        denied(report.negations, draft.negations) if known and language == written_in else Share(),
        named(report, draft) if known else Share(),
        measured(report, draft) if known else Share(),
        Share(int(called), 1) if critical else Share(),
        Share(int(critical), 1) if called and critical is not None else Share(),
    )


def score_of_failure(reference: Mapping[str, str], critical: bool | None) -> Scores:
    """Of a study without a draft: nothing is said, and nobody is told what cannot wait."""
    wanted = sum(1 for name in TEXTS if reference.get(name, "").strip())
    return Scores(Share(0, wanted), recall=Share(0, 1) if critical else Share())


def facts(sections: Mapping[str, object], language: str) -> Facts:
    return facts_of("\n".join(str(sections.get(name, "")) for name in SAID), language)


def denied(report: Negations, draft: Negations) -> Share:
    """Of what one denies and the other speaks of, what both deny. Of two texts in one language."""
    agreed: set[str] = set()
    contradicted: set[str] = set()
    for here, there in ((report, draft), (draft, report)):
        for noun in (each for negation in here.all for each in negation.nouns):
            if there.has(noun):
                agreed.add(noun[-1])
            elif there.affirms(noun):
                contradicted.add(noun[-1])
    return Share(len(agreed - contradicted), len(agreed | contradicted))


def named(report: Facts, draft: Facts) -> Share:
    """Of the sides that are named, those that the other text names beside the same."""
    if not report.sides or not draft.sides:
        return Share()
    same = report.language == draft.language
    named_at = [{(each.name, each.words) for each in text.sides} for text in (report, draft)]
    lost = [
        set(not_found_sides(here.sides, there.sides, same_language=same))
        for here, there in ((report, draft), (draft, report))
    ]
    right = sum(1 for found, gone in zip(named_at, lost, strict=True) for _, words in found if words not in gone)
    return Share(right, sum(map(len, named_at)))


def measured(report: Facts, draft: Facts) -> Share:
    """Of the numbers with a unit in the draft, those that the report tells, too."""
    told = [each for each in draft.numbers if each.unit]
    made_up = set(not_found_numbers(told, report.numbers))
    words = {each.words for each in told}
    return Share(len(words - made_up), len(words))
