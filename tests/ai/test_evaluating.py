"""Providers on studies whose reports are known: what is right comes out as right, and what is wrong as wrong."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.scratch import Scratch, scratch_archive, scratch_folder
from pacs.ai.evaluating import Exam, Result, Wanted, check, evaluate, total_of
from pacs.ai.orchestrating import Cancelled
from pacs.ai.references import Reference, find_references, sections_in
from pacs.ai.scoring import Scores, Share, score
from pacs.archive.masks import NewMask, add_mask, list_masks
from pacs.database.engine import EngineDatabase
from pacs.errors import BadRequest, ModelRefused
from pacs.ports import Answer, Endpoint, Question, Usage
from tests.ai.evaluation_studies import SET, STUDIES, write
from tests.ai.house import House, both_databases, house, one_database
from tests.models.fake_models import serving

__all__ = ["both_databases", "house", "one_database"]

PRICED = {"url": "https://models.example/v1", "model": "gpt-5.5", "key": "sk-of-the-clinic"}
DENIES = "Pnömotoraks izlenmedi. Plevral efüzyon saptanmadı."


@pytest.fixture(scope="module")
def scratch(one_database: EngineDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    beside = House(one_database, tmp_path_factory.mktemp("beside"))
    add_mask(one_database, beside.scope, NewMask("US", 480, 640, [[0, 0, 640, 60]]))
    dead, home = beside.settings.home / "scratch-dead", beside.settings.home
    dead.mkdir()
    (dead / "lock").touch()
    with scratch_archive(beside, beside.scope) as found:
        assert [each.parent for each in home.glob("scratch-*/lock")] == [found.services.settings.home]
        with scratch_folder(home) as another:
            assert {each.parent for each in home.glob("scratch-*/lock")} == {found.services.settings.home, another}
        [mask] = list_masks(found.services.database, found.scope)
        assert (mask["modality"], mask["rectangles"]) == ("US", [[0, 0, 640, 60]])
        yield found
    assert not list(home.glob("scratch-*/*"))


@pytest.fixture(scope="module")
def exams(scratch: Scratch) -> dict[str, Exam]:
    references = find_references(SET)
    studies = {each.name: scratch.take(each.name, each.files()) for each in references}
    return {each.name: Exam(each, scratch.services, scratch.scope, studies[each.name]) for each in references}


def draft_of(reference: Reference, images: int, **other: Any) -> dict[str, Any]:
    """A draft that says what the report says, and calls critical what is; apart from `other`."""
    critical = [{"finding": "Blood.", "why": "It grows.", "images": [1]}] if reference.critical else []
    texts = {name: reference.sections.get(name, "") for name in ("technique", "comparison", "findings", "impression")}
    numbers = list(range(1, images + 1))
    return {**texts, "critical_findings": critical, "confidence": "low", "images_used": numbers, **other}


def asked(house: House, exam: Exam, *, provider: str = "openai", **other: Any) -> Result:
    """What comes of a model that says of a study what its report says, apart from `other`."""

    def say(endpoint: Endpoint, question: Question) -> Answer:
        text = json.dumps(draft_of(exam.reference, len(question.images), **other), ensure_ascii=False)
        return Answer(text, Usage(1000, 100, 0, len(question.images), 2.0), endpoint.model)

    house.says = say
    return evaluate(house, house.scope, exam, Wanted(provider))


def test_the_set_is_what_its_maker_makes(tmp_path: Path) -> None:
    write(tmp_path)
    made = {each.relative_to(tmp_path): each.read_bytes() for each in tmp_path.rglob("*.dcm")}
    assert made == {each.relative_to(SET): each.read_bytes() for each in SET.rglob("*.dcm")}
    assert sum(each.stat().st_size for each in SET.rglob("*") if each.is_file()) < 100_000


def test_who_says_what_the_reports_say_has_everything_right(house: House, exams: dict[str, Exam]) -> None:
    house.configure("openai", **PRICED)
    results = [asked(house, each) for each in exams.values()]
    total = total_of(results)
    assert (total.studies, total.drafted, total.mended, total.failures) == (5, 5, 0, {})
    parts = {name: getattr(total.scores, name).part for name in ("sections", "negations", "sides")}
    assert parts == {"sections": 1.0, "negations": 1.0, "sides": 1.0}
    assert total.scores.recall == total.scores.precision == Share(1, 1)
    assert total.median_s == total.p95_s == 2.0 and total.models == ("gpt-5.5",)
    assert total.cost == 5 * Decimal("0.008") and total.cost_of_draft == Decimal("0.008")
    presets = {each.study: each.preset for each in results}
    assert presets == {
        "chest-clear": "chest-radiograph",
        "chest-opacity": "chest-radiograph",
        "head-bleeding": "brain-ct",
        "liver": "ultrasound",
        "mammography": "mammography",
    }
    assert {each.study: each.images for each in results}["mammography"] == 4
    assert {each["purpose"] for each in house.events()} == {"evaluation"} and len(house.events()) == 5


WRONG = {
    "a finding denied": ({"findings": f"Opasite izlenmedi. {DENIES}"}, "negations"),
    "a denial turned": ({"findings": "Sağ alt zonda opasite. Pnömotoraks mevcut."}, "negations"),
    "a side swapped": (
        {"findings": f"Sol alt zonda opasite. {DENIES}", "impression": "Sol alt zonda pnömoni."},
        "sides",
    ),
    "a measure made up": ({"impression": "Sağ alt zonda 3 cm opasite."}, "measures"),
    "a section empty": ({"impression": ""}, "sections"),
}


@pytest.mark.parametrize(("other", "score"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_costs_its_score(house: House, exams: dict[str, Exam], other: dict[str, str], score: str) -> None:
    house.configure("openai", **PRICED)
    made = asked(house, exams["chest-opacity"], **other).scores
    shares = {name: getattr(made, name).part for name in ("sections", "negations", "sides", "measures")}
    assert shares.pop(score) < 1.0
    assert set(shares.values()) <= {1.0, None}


def test_what_cannot_wait_is_missed_or_called_without_need(house: House, exams: dict[str, Exam]) -> None:
    house.configure("openai", **PRICED)
    called = [{"finding": "Mass.", "why": "It may be cancer.", "images": [1]}]
    missed = asked(house, exams["head-bleeding"], critical_findings=[])
    needless = asked(house, exams["mammography"], critical_findings=called)
    unknown = asked(house, exams["liver"], critical_findings=called)
    assert (missed.scores.recall, missed.scores.precision) == (Share(0, 1), Share())
    assert (needless.scores.recall, needless.scores.precision) == (Share(), Share(0, 1))
    assert unknown.scores.precision == Share(), "a report.txt does not say"
    assert total_of([missed, needless, unknown]).scores.recall == Share(0, 1)


def test_who_makes_no_draft_has_missed_what_cannot_wait(house: House, exams: dict[str, Exam]) -> None:
    house.configure("openai", **PRICED)

    def refuse(endpoint: Endpoint, question: Question) -> Answer:
        raise ModelRefused("no")

    house.says = refuse
    made = evaluate(house, house.scope, exams["head-bleeding"], Wanted("openai"))
    assert (made.failure, made.document, made.scores.recall) == ("refused", None, Share(0, 1))
    off = evaluate(house, house.scope, exams["liver"], Wanted("gemini"))
    total = total_of([made, off])
    assert total.failures == {"refused": 1, "off" if off.failure == "off" else "not-configured": 1}
    assert total.median_s is None and total.cost_of_draft is None


def test_nobody_is_asked_when_it_is_not_wanted_any_more(house: House, exams: dict[str, Exam]) -> None:
    house.configure("openai", **PRICED)
    with pytest.raises(Cancelled):
        evaluate(house, house.scope, exams["liver"], Wanted("openai"), lambda: False)
    assert not house.events()


def test_the_same_over_http_and_with_the_mock(house: House, exams: dict[str, Exam]) -> None:
    with serving() as models:
        house.set(ai_rai_llm_url=models.url)
        house.says = None
        models.finding = "Sağ alt zonda opasite. Pnömotoraks izlenmedi."
        models.troubles = ["broken"]
        made = evaluate(house, house.scope, exams["chest-opacity"], Wanted("rai-llm"))
        assert made.mended and made.scores.sides.part == 1.0 and made.scores.negations.part == 1.0
        assert made.cost == 0 and made.seconds > 0 and made.images == 1
        said = "".join(each["said"] for each in models.asked)
        assert "SYN" not in said and "Synthetic" not in said and "1961" not in said
    mock = evaluate(house, house.scope, exams["liver"], Wanted("rai-mock", language="en"))
    assert mock.document is not None and mock.document["findings"].startswith("MOCK") and mock.language == "en"
    assert mock.scores.sections.part == 1.0 and mock.scores.negations.of == 0


def test_measures_are_those_of_the_report_in_any_unit() -> None:
    report = {"findings": "Karaciğerde 2,5 cm kist. BI-RADS 2."}
    document = {"technique": "", "comparison": "", "impression": "", "critical_findings": []}
    drafts = {"A cyst of 25 mm.": Share(1, 1), "A cyst of 25 mm, a nodule of 4 mm.": Share(1, 2), "Two cysts.": Share()}
    for findings, share in drafts.items():
        assert score({**document, "findings": findings}, report, None, "tr", "en").measures == share


def test_scores_add_up_and_languages_without_a_guard_are_left_alone() -> None:
    document = {"technique": "", "comparison": "", "findings": "x", "impression": "", "critical_findings": []}
    said = {"findings": "هیچ شکستگی دیده نشد."}
    assert score(document, said, None, "fa", "fa") == Scores(sections=Share(1, 1))
    across = score(
        {**document, "findings": "Left lower lobe opacity."}, {"findings": "Sağda opasite."}, None, "tr", "en"
    )
    assert across.sides == Share(0, 2) and across.negations == Share()
    assert (across + across).sides == Share(0, 4) and Share().part is None


REPORTS = {
    "Teknik: PA.\nBULGULAR\nSağda opasite.\nPlevra doğal.\n\nSonuç: Pnömoni.": (
        {"technique": "PA.", "findings": "Sağda opasite.\nPlevra doğal.", "impression": "Pnömoni."},
        "tr",
    ),
    "# Findings:\nClear.\nHeart: normal.\n**Impression**\nNormal.": (
        {"findings": "Clear.\nHeart: normal.", "impression": "Normal."},
        "en",
    ),
    "Technique : scanner.\nRésultats : pas de lésion.\nConclusion : normal.": (
        {"technique": "scanner.", "findings": "pas de lésion.", "impression": "normal."},
        "fr",
    ),
    "Everything is fine.": ({}, ""),
}


@pytest.mark.parametrize(("report", "told"), REPORTS.items())
def test_headings_tell_sections_and_language(report: str, told: tuple[dict[str, str], str]) -> None:
    assert sections_in(report) == told


FAULTS = {
    "reference.json": {
        "[]": "no JSON object",
        "{": "no JSON object",
        '{"language": "xx", "sections": {"findings": "x"}}': "language is one of",
        '{"language": "tr", "sections": {"findings": "x"}, "critical": "yes"}': "critical is true or false",
        '{"language": "tr", "sections": {"finding": "x"}}': "sections are texts",
        '{"language": "tr", "sections": {"technique": "x"}}': "sections are texts",
    },
    "report.txt": {"Everything is fine.": "no headings", "a" * 200_001: "more than 200000 bytes"},
    "notes.txt": {"x": "neither reference.json nor report.txt"},
}


@pytest.mark.parametrize(
    ("name", "content", "told"), [(name, *each) for name, faults in FAULTS.items() for each in faults.items()]
)
def test_a_set_with_a_fault_names_the_study(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / name).write_text(content)
    with pytest.raises(BadRequest, match=f"first: .*{told}"):
        find_references(tmp_path)


def test_what_was_looked_at_is_gone_and_a_study_without_images_is_not_asked_for(
    house: House, scratch: Scratch, tmp_path: Path
) -> None:
    for dataset in STUDIES["liver"]("liver"):
        dataset.BurnedInAnnotation = "YES"
        dataset.StudyInstanceUID = "2.25.7001"
        dataset.save_as(tmp_path / f"{dataset.InstanceNumber}.dcm", enforce_file_format=True)
    reference = Reference("liver", tmp_path, {"findings": "Normal."}, "en")
    exam = Exam(reference, scratch.services, scratch.scope, scratch.take("liver", reference.files()))
    house.configure("openai", **PRICED)
    made = asked(house, exam)
    assert made.failure == "no-images" and made.cost == 0 and not house.events()
    assert list(scratch.services.originals.scan(scratch.prefix(exam.study)))
    scratch.clear(exam.study)
    assert not list(scratch.services.originals.scan(scratch.prefix(exam.study)))


def test_what_is_no_set_and_nobody_is_refused(tmp_path: Path, scratch: Scratch) -> None:
    for folder in (tmp_path / "gone", tmp_path):
        with pytest.raises(BadRequest):
            find_references(folder)
    for wanted in (Wanted("nobody"), Wanted("openai", preset="brain"), Wanted("openai", language="xx")):
        with pytest.raises(BadRequest):
            check([wanted])
    check([Wanted("rai-orchestrator", "general", "az")])
    with pytest.raises(BadRequest, match="of 0 studies"):
        scratch.take("first", [])
    with pytest.raises(BadRequest, match="of 2 studies"):
        scratch.take("first", [SET / "liver" / "1.dcm", SET / "chest-clear" / "1.dcm"])
