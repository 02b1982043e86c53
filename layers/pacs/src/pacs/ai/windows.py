"""In which windows is a CT image looked at? By the part of the body, as words tell it. Pure; called by choosing.

Source: PS3.3 §C.11.2.1.2 (Window Center and Window Width)
"""

from collections.abc import Sequence

from pacs.ai.words import region_of
from pacs.dicom.render import Window

AS_STORED = ""  # the window that the header says, or all values
# Center and width in Hounsfield units.
WINDOWS: dict[str, Window] = {
    "brain": (40, 80, "LINEAR"),
    "soft tissue": (40, 400, "LINEAR"),
    "lung": (-600, 1500, "LINEAR"),
    "bone": (500, 2000, "LINEAR"),
}
BY_REGION: dict[str, tuple[str, ...]] = {
    "head": ("brain", "bone"),
    "face": ("bone", "soft tissue"),
    "spine": ("bone", "soft tissue"),
    "neck": ("soft tissue", "bone"),
    "chest": ("lung", "soft tissue"),
    "abdomen": ("soft tissue", "bone"),
    "limb": ("bone", "soft tissue"),
    "breast": ("soft tissue", "lung"),
}
UNKNOWN = ("soft tissue", "lung")


def windows_of(modality: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Names of windows for images of a series. `texts` tell what was examined, the closest first."""
    if modality != "CT":
        return (AS_STORED,)
    region = next(filter(None, map(region_of, texts)), "")
    return BY_REGION.get(region, UNKNOWN)
