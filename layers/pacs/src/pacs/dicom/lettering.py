"""Which letters do we draw and print with? Asked by dicom.annotating and by reporting.pdf.

Fira Sans has the Latin, Greek and Cyrillic letters, IBM Plex Sans Arabic the Arabic and Persian ones. Both come as
packages, under the SIL Open Font License.
"""

from importlib.util import find_spec
from pathlib import Path

# Styles as fpdf2 names them: regular, bold, italic, both. infra.layers packs no others.
LATIN = {"": "Regular", "B": "Bold", "I": "Italic", "BI": "BoldItalic"}
ARABIC = {"": "Regular", "B": "Bold", "I": "Regular", "BI": "Bold"}


def latin_font(style: str = "") -> Path:
    return files("fontpkg_fira_sans") / f"FiraSans-{LATIN[style]}.ttf"


def arabic_font(style: str = "") -> Path:
    return files("fontpkg_ibm_plex_sans_arabic") / f"IBMPlexSansArabic-{ARABIC[style]}.ttf"


def files(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "files"
