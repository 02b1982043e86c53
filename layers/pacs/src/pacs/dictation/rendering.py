"""What does a report look like outside? Its sections as plain text, HTML, RTF or DOCX, each under its heading. Pure.

Sections are plain text; those that are empty are left out. A blank line begins a paragraph, a line break stays one.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from io import BytesIO
from xml.sax.saxutils import escape as escape_xml
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from pacs.dictation.filling import cleaned, rtf
from pacs.dictation.headings import headings

BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
LOCALES = {"tr": "tr-TR", "en": "en-US", "ru": "ru-RU", "az": "az-Latn-AZ", "fr": "fr-FR", "de": "de-DE"}

# The parts of the smallest document with styles. Source: ECMA-376-2 §9, ECMA-376-1 §11.3.10, §11.3.12
SCHEMAS = "http://schemas.openxmlformats.org"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TYPES = (
    f'{DECLARATION}<Types xmlns="{SCHEMAS}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{WORD}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{WORD}.styles+xml"/></Types>'
)
RELATION = (
    f'{DECLARATION}<Relationships xmlns="{SCHEMAS}/package/2006/relationships"><Relationship Id="rId1"'
    f' Type="{SCHEMAS}/officeDocument/2006/relationships/%s" Target="%s"/></Relationships>'
)
SPACE = f'xmlns:w="{SCHEMAS}/wordprocessingml/2006/main"'
STYLES = (
    f"{DECLARATION}<w:styles {SPACE}><w:docDefaults><w:rPrDefault><w:rPr>"
    '<w:rFonts w:ascii="Arial" w:hAnsi="Arial" w:eastAsia="Arial" w:cs="Arial"/><w:sz w:val="22"/>'
    '<w:lang w:val="%s"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="120"/></w:pPr></w:pPrDefault>'
    '</w:docDefaults><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/><w:basedOn w:val="Normal"/>'
    '<w:next w:val="Normal"/><w:rPr><w:b/><w:sz w:val="32"/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/>'
    '<w:next w:val="Normal"/><w:pPr><w:keepNext/><w:spacing w:before="240" w:after="60"/><w:outlineLvl w:val="0"/>'
    '</w:pPr><w:rPr><w:b/><w:sz w:val="24"/></w:rPr></w:style></w:styles>'
)
DOCUMENT = (
    f"{DECLARATION}<w:document {SPACE}><w:body>%s<w:sectPr>"
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1417" w:right="1417" w:bottom="1417" w:left="1417"'
    ' w:header="708" w:footer="708" w:gutter="0"/></w:sectPr></w:body></w:document>'
)
# The same report is the same bytes whenever it is made.
MOMENT = (1980, 1, 1, 0, 0, 0)


def as_text(sections: Mapping[str, str], title: str, language: str) -> str:
    """Headings with a colon, each over its text; \\n ends lines."""
    parts = [f"{heading}:\n" + "\n\n".join(texts) for heading, texts in told(sections, language)]
    return "\n\n".join([line for line in [one_line(title)] if line] + parts)


def as_html(sections: Mapping[str, str], title: str, language: str) -> str:
    """Elements to be put into a page: h1, h2, p and br, without attributes."""
    made = [f"<h1>{escape(one_line(title), quote=False)}</h1>"] if one_line(title) else []
    for heading, texts in told(sections, language):
        made.append(f"<h2>{escape(heading, quote=False)}</h2>")
        made += [f"<p>{escape(text, quote=False)}</p>".replace("\n", "<br>") for text in texts]
    return "".join(made)


def as_rtf(sections: Mapping[str, str], title: str, language: str) -> str:
    """A whole RTF document, in ASCII."""
    made = [r"{\rtf1\ansi\ansicpg1252\deff0\uc1{\fonttbl{\f0\fswiss\fcharset0 Arial;}}\paperw11906\paperh16838\f0\fs22"]
    if one_line(title):
        made.append(rf"\pard\sa200{{\b\fs32 {rtf.spell(one_line(title), language, '')}}}\par")
    for heading, texts in told(sections, language):
        made.append(rf"\pard\keepn\sb240\sa60{{\b\fs24 {rtf.spell(heading, language, '')}}}\par")
        # A line of a paragraph is no paragraph of its own.
        lines = [rtf.spell(text, language, "").replace("\\par ", "\\line ") for text in texts]
        made += [rf"\pard\sa120{{{each}}}\par" for each in lines]
    return "\n".join([*made, "}"])


def as_docx(sections: Mapping[str, str], title: str, language: str) -> bytes:
    """A whole document for Word and its like."""
    made = [paragraph(one_line(title), "Title")] if one_line(title) else []
    for heading, texts in told(sections, language):
        made += [paragraph(heading, "Heading1"), *(paragraph(text, "Normal") for text in texts)]
    parts = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": RELATION % ("officeDocument", "word/document.xml"),
        "word/document.xml": DOCUMENT % "".join(made),
        "word/_rels/document.xml.rels": RELATION % ("styles", "styles.xml"),
        "word/styles.xml": STYLES % LOCALES.get(language, "en-US"),
    }
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name, MOMENT), content, ZIP_DEFLATED)
    return file.getvalue()


def told(sections: Mapping[str, str], language: str) -> Iterator[tuple[str, list[str]]]:
    """Heading and paragraphs of each section that is not empty, in the order in which they are read."""
    for name, heading in headings(language).items():
        text = cleaned(sections.get(name, ""))
        if text:
            yield heading, [part.strip() for part in BLANK_LINE.split(text)]


def one_line(text: str) -> str:
    return " ".join(cleaned(text).split())


def paragraph(text: str, style: str) -> str:
    """A paragraph of WordprocessingML; line breaks and tabs are elements. Source: ECMA-376-1 §17.3"""
    shown = escape_xml(text)
    for character, element in (("\n", "<w:br/>"), ("\t", "<w:tab/>")):
        shown = shown.replace(character, f'</w:t>{element}<w:t xml:space="preserve">')
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t xml:space="preserve">{shown}</w:t></w:r></w:p>'
