"""What are the words of a text, and which sentence are they in? Pure; for the guard of meanings."""

import re
from dataclasses import dataclass, field

from pacs.dictation.filling.placeholders import folded

WORD = re.compile(r"[0-9]+(?:[.,][0-9]+)*|[^\W\d_]+|[^\s]")
ITEM = re.compile(r"^[^\S\n]*([0-9]{1,2})[.)-](?=\s)", re.MULTILINE)
ENDS = ".!?…"


@dataclass(slots=True)
class Word:
    """A number, a word or a sign. `bare` is it without case and marks; `glued`: no blank lies before it."""

    text: str
    bare: str
    sentence: int
    glued: bool
    item: bool = False  # the number of an item of a list
    taken: bool = field(default=False, compare=False)  # by a level

    @property
    def is_number(self) -> bool:
        return self.text[0].isascii() and self.text[0].isdigit()

    @property
    def is_word(self) -> bool:
        return self.text[0].isalpha()


def words_of(text: str) -> list[Word]:
    """The words; sentences end at full stops before what is no small letter, at semicolons and with lines."""
    items = items_of(text)
    made: list[Word] = []
    sentence, end = 0, -1
    for match in WORD.finditer(text):
        start = match.start()
        between = text[max(end, 0) : start]
        stopped = made and made[-1].text in ENDS and start > end and not match[0][0].islower()
        if made and ("\n" in between or made[-1].text == ";" or stopped):
            sentence += 1
        made.append(Word(match[0], bare(match[0]), sentence, start == end))
        made[-1].item = start in items
        end = match.end()
    return made


def items_of(text: str) -> set[int]:
    """Where the numbers of lists stand: at the start of lines, counting from one."""
    found: set[int] = set()
    wanted = 1
    for match in ITEM.finditer(text):
        number = int(match[1])
        if number in (1, wanted):
            found.add(match.start(1))
            wanted = number + 1
    return found


def listed(words: str) -> list[str]:
    """Words of a table, as they are written in it."""
    return words.split()


def bare(text: str) -> str:
    return folded(text).replace("ə", "e") or text


def phrase(words: list[Word]) -> str:
    """Words as they stood, signs where they were glued."""
    return "".join(("" if each.glued or not at else " ") + each.text for at, each in enumerate(words)).strip(" .,;:")
