"""Reports as documents: PDF in several scripts, SR and encapsulated PDF that other programs read, and e-mails."""

import io
import re
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, NotFound
from pacs.reporting.body import sanitised
from pacs.reporting.documents import Document, document_of, person_name
from pacs.reporting.letterheads import change_letterhead, read_letterhead
from pacs.reporting.pdf import ReportPdf, render_pdf
from pacs.reporting.publishing import report_pdf, send_to_centre, store_documents
from pacs.reporting.signing import Again, add_addendum
from pacs.reporting.structured import encapsulated_pdf, structured_report
from tests.reporting.conftest import Practice

TURKISH = "<p>Şüpheli iğne, ölçü ≥ 5 mm; İstanbul'da çekilmiştir ığüşöç.</p><ul><li>bir</li><li><b>iki</b></li></ul>"
PERSIAN = "<p>گزارش رادیولوژی: بدون پنوموتوراکس (CT)، اندازه ۵ میلی‌متر می‌باشد.</p>"


def letters(pdf: bytes) -> set[str]:
    """The characters that a PDF says its glyphs are, by the ToUnicode maps of its fonts."""
    found: set[str] = set()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            unpacked = zlib.decompress(stream)
        except zlib.error:
            unpacked = stream
        if b"beginbfchar" in unpacked:
            for code in re.findall(rb"<[0-9A-F]+> <([0-9A-F]+)>", unpacked):
                found |= set(bytes.fromhex(code.decode()).decode("utf-16-be", "ignore"))
    return found


def signed(practice: Practice, html: str, language: str = "tr") -> Document:
    report = practice.sign(
        practice.draft(sections={"findings": html, "impression": "<p>Normal</p>"}, language=language)
    )
    return document_of(practice.archive, practice.reader, report["id"])


def test_a_pdf_holds_turkish_letters_the_letterhead_and_who_signed(practice: Practice) -> None:
    change_letterhead(practice.archive.database, practice.archive.scope, "MERKEZ", "Bağdat Caddesi 1\n\n Kadıköy ")
    assert read_letterhead(practice.archive.database, practice.reader, "MERKEZ")["lines"] == "Bağdat Caddesi 1\nKadıköy"
    document = signed(practice, TURKISH)
    pdf = render_pdf(document)
    assert pdf.startswith(b"%PDF-") and set("Şşİığüöç≥Kadıköy") <= letters(pdf)
    assert render_pdf(document) == pdf  # a retry stores the same bytes
    assert len(pdf) < 150_000


def test_a_pdf_joins_and_orders_arabic_letters(practice: Practice) -> None:
    document = signed(practice, PERSIAN, "fa")
    found = letters(render_pdf(document))
    assert {"گ", "پ", "ی"} <= found | {"ﮔ", "ﭘ", "ﯾ"} and set("CT") <= found


def latin_as_seen(page: ReportPdf) -> str:
    """The Latin letters of a page, from left to right and from top to bottom."""
    font_of_page: Any = page.fonts["fira"]
    letters = {code: "".join(map(chr, glyph.unicode)) for glyph, code in font_of_page.subset.items()}
    escaped = {b"\\r": b"\r", b"\\n": b"\n", b"\\(": b"(", b"\\)": b")", b"\\\\": b"\\"}
    seen, font, outside = "", b"", b""
    drawn: Any = page.pages[1].contents
    contents = bytes(drawn)
    operators = rb"(/F\d+) |(q) BT|ET (Q)|\(((?:[^\\()]|\\.)*)\) Tj"
    for name, saved, restored, shown in re.findall(operators, contents, re.DOTALL):
        outside = font if saved else outside
        font = name or (outside if restored else font)
        if shown and font == b"/F1":
            codes = re.sub(rb"\\.", lambda found: escaped[found[0]], shown, flags=re.DOTALL)
            seen += "".join(letters[code] for code in struct.unpack(f">{len(codes) // 2}H", codes))
    return seen


def test_latin_words_in_persian_lines_are_not_turned_round(document: Document) -> None:
    page = ReportPdf(replace(document, language="fa"))
    page.add_page()
    page.body("<p>در سطح <b>L4-L5</b> و T2 FLAIR</p><p>Ek bilgi (CT)</p><ul><li>اندازه 12 mm (MR)</li></ul>")
    seen = latin_as_seen(page)
    page.output()
    assert all(words in seen for words in ("L4-L5", "T2 FLAIR", "Ek bilgi (CT)", "mm (MR)"))


def test_a_draft_says_that_it_is_one(practice: Practice) -> None:
    report = practice.draft(sections={"findings": "<p>a</p>"})
    document = document_of(practice.archive, practice.reader, report["id"])
    assert set("TASLK") <= letters(render_pdf(document))
    assert report_pdf(practice.archive, practice.reader, report["id"]).startswith(b"%PDF-")
    with pytest.raises(NotFound):
        report_pdf(practice.archive, practice.member("cem", "centre"), report["id"])


def test_long_reports_have_several_pages(practice: Practice) -> None:
    document = signed(practice, "<p>uzun bir cümle</p>" * 200)
    assert render_pdf(document).count(b"/Type /Page\n") > 2


FRAGMENTS = [
    "<p>",
    "</p>",
    "<ul>",
    "</ul>",
    "<ol>",
    "<li>",
    "<b>",
    "</b>",
    "<i>",
    "<sub>",
    "<br>",
    "söz ",
    "گزارش ",
    "&lt;",
]


@pytest.fixture
def document(practice: Practice) -> Document:
    return signed(practice, TURKISH)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(FRAGMENTS), max_size=25))
def test_every_body_that_is_let_in_can_be_printed(document: Document, pieces: list[str]) -> None:
    part = replace(document.last, sections={"findings": sanitised("".join(pieces))})
    assert render_pdf(replace(document, parts=[part])).startswith(b"%PDF-")


def texts(item: Dataset) -> list[tuple[str, str]]:
    """Every heading with its texts, as the tree has them."""
    found = []
    for each in item.ContentSequence:
        if each.ValueType == "CONTAINER":
            heading = each.ConceptNameCodeSequence[0].CodeMeaning
            found += [(heading, one.TextValue) for one in each.ContentSequence]
    return found


def dcmtk(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)
    complaints = [
        line for line in done.stderr.splitlines() if "does not support this Specific Character Set" not in line
    ]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def test_a_structured_report_is_read_by_others(practice: Practice, tmp_path: Path) -> None:
    document = signed(practice, TURKISH)
    body = structured_report(document)
    dataset = pydicom.dcmread(io.BytesIO(body))
    assert (dataset.CompletionFlag, dataset.VerificationFlag) == ("COMPLETE", "VERIFIED")
    [observer] = dataset.VerifyingObserverSequence
    assert observer.VerifyingObserverName == "Dr. Ayse Işık" and observer.VerifyingOrganization == "Merkez"
    [(findings, words), (impression, _)] = texts(dataset)
    assert (findings, impression) == ("Findings", "Impressions")
    assert words.splitlines()[1:] == ["- bir", "- iki"] and "Şüpheli iğne" in words
    path = tmp_path / "sr.dcm"
    path.write_bytes(body)
    told = dcmtk("dsrdump", "+Pl", str(path))
    assert "Basic Text SR" in told and "Şüpheli iğne" in told and "VERIFIED" in told


def test_an_encapsulated_pdf_is_read_by_others(practice: Practice, tmp_path: Path) -> None:
    document = signed(practice, TURKISH)
    pdf = render_pdf(document)
    (tmp_path / "pdf.dcm").write_bytes(encapsulated_pdf(document, pdf))
    dcmtk("dcm2pdf", str(tmp_path / "pdf.dcm"), str(tmp_path / "report.pdf"))
    assert (tmp_path / "report.pdf").read_bytes().rstrip(b"\0") == pdf.rstrip(b"\0")
    dataset = pydicom.dcmread(tmp_path / "pdf.dcm")
    assert (dataset.Modality, dataset.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")


def stored(practice: Practice) -> list[Any]:
    assert practice.archive.index() == {}
    return list(
        practice.archive.database.fetch(
            text(
                "select i.sop_instance_uid, i.series_instance_uid, i.sop_class_uid, e.modality from instances i"
                " join series e using (organization_id, study_instance_uid, series_instance_uid)"
                " where e.modality in ('SR', 'DOC') order by i.instance_number, e.modality"
            )
        )
    )


def test_documents_lie_in_the_study_once_however_often_they_are_stored(practice: Practice) -> None:
    archive, reader = practice.archive, practice.reader
    report = practice.sign(practice.draft())
    made = store_documents(archive, reader, report["id"])
    assert store_documents(archive, reader, report["id"]) == made
    rows = stored(practice)
    assert {row["sop_instance_uid"] for row in rows} == set(made) and [row["modality"] for row in rows] == ["DOC", "SR"]
    assert all(len(archive.originals.versions(key)) == 1 for key in list(archive.keys()))
    add_addendum(archive, reader, report["id"], 2, {"impression": "<p>Ek bilgi</p>"}, Again())
    store_documents(archive, reader, report["id"])
    rows = stored(practice)
    assert len(rows) == 4 and len({row["series_instance_uid"] for row in rows}) == 2
    last = document_of(archive, reader, report["id"])
    dataset = pydicom.dcmread(io.BytesIO(structured_report(last)))
    assert texts(dataset)[-1] == ("Addendum", "Ek bilgi") and len(dataset.VerifyingObserverSequence) == 2
    [study] = dataset.PredecessorDocumentsSequence
    [reference] = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == last.uid("SR", 2) == made[0]


def test_only_verified_reports_become_objects(practice: Practice) -> None:
    report = practice.draft()
    with pytest.raises(Conflict):
        store_documents(practice.archive, practice.reader, report["id"])
    with pytest.raises(Conflict):
        send_to_centre(practice.archive, practice.mailer, practice.reader, report["id"])


def test_the_centre_is_told_by_a_link_that_says_nothing_of_the_patient(practice: Practice) -> None:
    report = practice.sign(practice.draft())
    with pytest.raises(NotFound):
        send_to_centre(practice.archive, practice.mailer, practice.reader, report["id"])
    practice.member("cem", "centre")
    practice.member("derya", "centre", branches=[])
    sent = send_to_centre(practice.archive, practice.mailer, practice.reader, report["id"])
    assert sent == ["cem@example.org"]
    [(to, subject, body)] = practice.mailer.sent
    assert to == "cem@example.org" and f"https://pacs.example/reports/{report['id']}" in body
    assert not any(each in subject + body for each in ("CompressedSamples", "CT1", "1CT1", practice.study))


def test_a_letterhead_has_few_lines_and_is_of_a_branch_that_one_sees(practice: Practice) -> None:
    database = practice.archive.database
    for lines in ("a\n" * 7, "a" * 401):
        with pytest.raises(BadRequest):
            change_letterhead(database, practice.archive.scope, "MERKEZ", lines)
    for scope, code in ((practice.archive.scope, "X"), (replace(practice.reader, branches=()), "MERKEZ")):
        with pytest.raises(NotFound):
            change_letterhead(database, scope, code, "a")


def test_names_are_told_as_people_write_them() -> None:
    assert person_name("Yılmaz^Ayşe^^Dr.=山田") == "Yılmaz Ayşe Dr."
