"""What was dictated of one exam as a report: sections, the template they are written into, and what to look at twice.

Called by `pacs.dictation.steps` for each exam. The document is what the report API tells of the exam, and besides, for
our own pages, `sections` as sanitised HTML and `sentences` with their moments in the recording.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, cast

from pacs.dictation.answers import UNWRITTEN
from pacs.dictation.choosing import choose_template
from pacs.dictation.examinations import Examination, Modality, examination_of
from pacs.dictation.filling import fill
from pacs.dictation.guarding import differences
from pacs.dictation.jobs import ExamState
from pacs.dictation.rendering import as_html, as_text
from pacs.dictation.requests import Exam, JobRequest
from pacs.dictation.sentences import Sentence, transcript_of
from pacs.dictation.structuring import structure
from pacs.ports import Language
from pacs.reporting.body import PLACEHOLDER, SECTIONS, Sections, checked, plain

OWN = ("sections", "sentences")  # for our own pages

Document = dict[str, Any]


def compose_report(
    language: Language,
    asked: JobRequest,
    exam: ExamState,
    sentences: Sequence[Sentence],
    templates: Sequence[Mapping[str, Any]],
) -> Document:
    """The report of an exam. `templates` are the organization's. Raises what `structure` does."""
    said, written_in = transcript_of(sentences), asked.output_language
    wanted = asked.exams[exam.number]
    dictated = structure(language, said, exam.exam_name, asked.input_language, written_in)
    warnings = differences(said, "\n".join(dictated.values()), asked.input_language, written_in)
    template = None if wanted.template else template_for(wanted, templates, written_in, said)
    sections = merged(dictated, template["sections"] if template else {}, written_in)
    words = {name: plain(html) for name, html in sections.items()}
    filled = fill(wanted.template, wanted.template_format, dictated, written_in) if wanted.template_format else None
    return begun(exam, sentences) | {
        "status": "completed",
        "reportText": as_text(words, exam.exam_name, written_in),
        "reportHtml": as_html(words, exam.exam_name, written_in),
        "filledTemplate": filled.text if filled else None,
        "templateUsed": "custom" if filled else "matched" if template else None,
        "templateName": template["name"] if template else None,
        "unknownPlaceholders": list(filled.unknown) if filled else [],
        "warnings": [asdict(each) for each in warnings],
        "sections": sections,
    }


def failed_report(exam: ExamState, sentences: Sequence[Sentence], reason: str) -> Document:
    """An exam of which no report was made, and why. It costs nothing."""
    return UNWRITTEN | begun(exam, sentences) | {"status": "failed", "reason": reason, "sections": {}}


def told_of(report: Document) -> Document:
    """What an integrator is told of a report."""
    return {name: value for name, value in report.items() if name not in OWN}


def begun(exam: ExamState, sentences: Sequence[Sentence]) -> Document:
    return {
        "accessionNumber": exam.accession_number or None,
        "sutCode": exam.sut_code,
        "teleCode": exam.tele_code or None,
        "modality": exam.modality,
        "examName": exam.exam_name,
        "transcript": transcript_of(sentences),
        "sentences": [asdict(each) for each in sentences],
    }


def template_for(
    wanted: Exam, templates: Sequence[Mapping[str, Any]], language: str, said: str
) -> Mapping[str, Any] | None:
    """The template that was chosen by its identifier, else the one that fits best."""
    if wanted.template_id:
        return next((each for each in templates if each["id"] == wanted.template_id), None)
    codes = (wanted.sut_code, wanted.tele_code)
    examination = examination_of(*codes)
    if wanted.modality:
        examination = Examination(cast("Modality", wanted.modality), wanted.name, wanted.name)
    return choose_template(templates, examination, codes, language, said)


def merged(dictated: Mapping[str, str], template: Sections, language: str) -> dict[str, str]:
    """Sections as sanitised HTML: a template's, with what was dictated in its placeholders.

    Where a section of the template has no placeholder, what was dictated stands in its place; what nobody spoke of
    stays as the template has it.
    """
    told: dict[str, str] = {}
    for name in SECTIONS:
        begins_with, said = template.get(name, ""), dictated.get(name, "")
        if PLACEHOLDER.search(plain(begins_with)):
            told[name] = fill(begins_with, "html", dictated, language).text
        else:
            told[name] = paragraphs(said) or begins_with
    return checked(told)


def paragraphs(text: str) -> str:
    """Plain text as HTML: a paragraph for each line."""
    return "".join(f"<p>{escape(line.strip(), quote=False)}</p>" for line in text.splitlines() if line.strip())
