"""Which images has somebody marked, and which rejected? Read in the key object selections of a study.

The index knows of such objects, but not what they refer to. Called by previews.

Source: PS3.3 §A.35.4, PS3.16 TID 2010 and CID 7010
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pacs.archive.source import StoreSource
from pacs.dicom.elements import Item
from pacs.dicom.header import read_header
from pacs.dicom.json import element_values
from pacs.errors import PacsError, Unavailable
from pacs.ports import Services

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
MOST = 20  # that are read of a study, the newest
CONCEPT_NAME, CODE_VALUE, CONTENT, REFERENCED = 0x0040A043, 0x00080100, 0x0040A730, 0x00081199
SOP_INSTANCE_UID, FRAME_NUMBERS = 0x00081155, 0x00081160
# Rejected for quality or the patient's safety, a wrong worklist entry, a retention that has ended. Source: CID 7011
REJECTED = frozenset(("113001", "113037", "113038", "113039"))


@dataclass
class Marked:
    """SOP Instance UIDs: `keys` with their frames (none: the whole image), `rejected` are not to be looked at."""

    keys: dict[str, set[int]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)


def read_marked(services: Services, object_keys: Sequence[str]) -> Marked:
    """What the key object selections with these keys refer to. One that cannot be read refers to nothing."""
    marked = Marked()
    for key in object_keys[:MOST]:
        try:
            root = read_header(StoreSource(services.originals, key)).root
        except Unavailable:
            raise
        except PacsError:
            continue
        rejects = title_of(root) in REJECTED
        for uid, frames in references_of(root):
            if rejects:
                marked.rejected.add(uid)
            else:
                marked.keys.setdefault(uid, set()).update(frames)
    return marked


def title_of(root: Item) -> str:
    return next((each.text(CODE_VALUE) for each in items(root, CONCEPT_NAME)), "")


def references_of(item: Item) -> Iterator[tuple[str, list[int]]]:
    """The images in a content tree, with the frames that are meant."""
    for content in items(item, CONTENT):
        for reference in items(content, REFERENCED):
            yield reference.text(SOP_INSTANCE_UID), frames_of(reference)
        yield from references_of(content)


def frames_of(reference: Item) -> list[int]:
    return [each for each in element_values(reference, FRAME_NUMBERS, "IS") if isinstance(each, int)]


def items(item: Item, tag: int) -> list[Item]:
    found = item.elements.get(tag)
    return (found.items or []) if found else []
