"""What was examined? Modality and name by the codes of Turkish payers. Pure; asked when a template is chosen.

SUT codes have five to seven digits; in the list in force since 2026 CT and MR have codes that begin with R, which come
as tele codes. Ranges are those of the list of the Social Security Institution (SUT, Annex 2/B).
"""

from dataclasses import dataclass
from typing import Literal

Modality = Literal["CR", "CT", "MR", "NM", "OT", "RF", "US", "XA", "BMD"]


@dataclass(frozen=True)
class Examination:
    """A kind of examination, with its modality as DICOM abbreviates it."""

    modality: Modality
    turkish: str
    english: str

    def name(self, language: str) -> str:
        return self.turkish if language == "tr" else self.english


RADIOGRAPHY = Examination("CR", "Direkt grafi", "Radiography")
CONTRAST = Examination("RF", "Kontrastlı grafi", "Contrast radiography")
ANGIOGRAPHY = Examination("XA", "Anjiyografi", "Angiography")
DENSITOMETRY = Examination("BMD", "Kemik dansitometrisi", "Bone densitometry")
ULTRASOUND = Examination("US", "Ultrasonografi", "Ultrasound")
DOPPLER = Examination("US", "Doppler ultrasonografi", "Doppler ultrasound")
NUCLEAR = Examination("NM", "Nükleer tıp", "Nuclear medicine")
TOMOGRAPHY = Examination("CT", "Bilgisayarlı tomografi", "Computed tomography")
RESONANCE = Examination("MR", "Manyetik rezonans", "Magnetic resonance")
UNKNOWN = Examination("OT", "Tetkik", "Examination")

# First and last code of each range.
SUT: tuple[tuple[int, int, Examination], ...] = (
    (800620, 801557, NUCLEAR),
    (801561, 801980, RADIOGRAPHY),
    (801990, 802340, CONTRAST),
    (802350, 802893, ANGIOGRAPHY),
    (802900, 802910, DENSITOMETRY),
    (803310, 803602, ULTRASOUND),
    (803610, 803861, DOPPLER),
    # In older lists; integrators' clients still send them.
    (803870, 804089, TOMOGRAPHY),
    (804100, 804350, RESONANCE),
)
TELE: tuple[tuple[int, int, Examination], ...] = ((100000, 102290, TOMOGRAPHY), (103000, 104870, RESONANCE))


def examination_of(sut_code: str, tele_code: str = "") -> Examination:
    """By the tele code when it is one that is known, else by the SUT code."""
    if tele_code[:1].upper() == "R" and tele_code[1:].isdigit():
        for first, last, found in TELE:
            if first <= int(tele_code[1:]) <= last:
                return found
    for first, last, found in SUT:
        if sut_code.isdigit() and first <= int(sut_code) <= last:
            return found
    return UNKNOWN
