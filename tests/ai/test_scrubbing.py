"""Free texts leave the house without names, numbers and dates, and keep the words of the trade."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.ai.scrubbing import LONGEST, scrubbed
from pacs.ai.words import is_known
from pacs.dicom.text import fold

KNOWN = ("YILMAZ^AYŞE", "12345678901", "P-123/AB", "19800305", "Özel Hayat Hastanesi", "A-77", "Çağrı^İnci^Ali", "1")
ALPHABETS = {
    "turkish": "abcçdefgğhıijklmnoöprsştuüvyzABCÇDEFGĞHIİJKLMNOÖPRSŞTUÜVYZ",
    "persian": "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويةىأإؤئ",
    "russian": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁ",
}
NAMES = st.one_of(*(st.text(letters, min_size=2, max_size=12) for letters in ALPHABETS.values()))
IDENTIFIERS = st.one_of(NAMES, st.text(string.digits + string.ascii_letters + "-/", min_size=3, max_size=14))
SCRIPTS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")


@pytest.mark.parametrize(
    "text",
    [
        "Thorax 1.0 B60s",
        "AX T1 FSE+C",
        "ep2d diff 3scan trace ADC",
        "LUMBAR SPINE MRI W/O",
        "Üst Abdomen Dinamik BT",
        "Sol diz 2 yön",
        "DR Chest PA",
        "512x512 2.5mm",
        "КТ органов грудной клетки",
        "سی تی اسکن ریه بدون تزریق",
        "MAMMO R MLO",
        "Head 01 HeadRoutine Adult",
        "تصوير بالرنين المغناطيسي للدماغ",
        "Kontrastlı beyin MR: T1, T2, FLAIR",
    ],
)
def test_words_of_the_trade_are_told(text: str) -> None:
    assert scrubbed(text, KNOWN) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("BT Toraks Ayşe YILMAZ", "BT Toraks"),
        ("ayse yilmaz'ın beyin MR", "beyin MR"),
        ("YILMAZAYSE beyin", "beyin"),
        ("y.ayse@example.org beyin", "beyin"),
        ("A. Yılmaz baş", "baş"),
        ("Ç. İNCİ kranial Ali", "kranial"),
        ("Toraks 0532 123 45 67", "Toraks"),
        ("Toraks +90 (532) 123-45-67 BT", "Toraks BT"),
        ("TC 12345678901 batın", "TC batın"),
        ("۱۲۳۴۵۶۷۸۹۰۱ ریه", "ریه"),
        ("P 123 AB pelvis", "pelvis"),
        ("p123ab pelvis A-77 A77", "pelvis"),
        ("05.03.1980 chest", "chest"),
        ("5/3/80 chest", "chest"),
        ("05 MAR 1980 chest 5 OCT 80", "chest"),
        ("5 Mart 1980 doğumlu, 45 yaş, 45Y", ""),
        ("۱۴ اسفند ۱۳۵۸ ریه", "ریه"),
        ("1980 chest", "chest"),
        ("Özel Hayat Hast. Radyoloji BT", "Radyoloji BT"),
        ("Oda 12 Yatak 3 batın", "batın"),
        ("Dr. Kemal S. istem: diz MR", "Dr diz MR"),
        ("Иванов Пётр голова", "голова"),
        ("مريم أحمد الصدر", "الصدر"),
        ("山田 太郎 chest", "chest"),
        ("A\u0301y\u200bs\u0327e Y\u0131lmaz beyin", "beyin"),
        ("\x00\x1b]0;chest\x07<b>chest</b>", "0;chest b chest /b"),
    ],
)
def test_what_may_be_somebodys_is_left_out(text: str, told: str) -> None:
    assert scrubbed(text, KNOWN) == told


def spellings(name: str) -> list[str]:
    turkish = name.replace("i", "İ").upper()
    return [name, name.upper(), name.lower(), turkish, fold(name), f"{name}'nin", f"({name})", f"_{name}_", name + name]


@given(NAMES, st.sampled_from(["BT Toraks ", "", "КТ ", "ریه "]), st.data())
def test_no_spelling_of_a_name_is_told(name: str, before: str, data: st.DataObject) -> None:
    told = scrubbed(f"{before}{data.draw(st.sampled_from(spellings(name)))} 2 mm", [name])
    assert fold(name) not in [fold(each) for each in re.findall(r"[^\W_]+", told)]


@given(st.from_regex(r"[A-Z]{0,3}[-/]?[0-9]{3,9}[-/.]?[A-Z0-9]{0,4}", fullmatch=True), st.sampled_from(["-", " ", ""]))
def test_no_spelling_of_a_number_is_told(number: str, mark: str) -> None:
    parted = re.sub(r"[-/.]", mark, number)
    told = scrubbed(f"BT Toraks {parted}; {number.lower()} X{re.sub('[-/.]', '', number)}X", [number])
    assert not re.search(r"\d", told)


@given(st.text(max_size=80), st.lists(IDENTIFIERS, max_size=3))
def test_whatever_is_written_no_unknown_word_and_no_long_number_is_told(text: str, identifiers: list[str]) -> None:
    told = scrubbed(text, identifiers)
    assert len(told) <= LONGEST and told == " ".join(told.split())
    for letters in re.findall(r"[^\W\d_]+", told):
        assert is_known(fold(letters)) or len(fold(letters)) <= 2
    assert not re.search(r"\d{4}", told)
    assert scrubbed(told, identifiers) == told


@given(st.integers(10**6, 10**12), st.sampled_from(SCRIPTS), st.sampled_from(["", " ", "-", ".", "/"]), st.data())
def test_no_number_is_told_however_it_is_parted(number: int, digits: str, mark: str, data: st.DataObject) -> None:
    written = "".join(digits[int(each)] for each in str(number))
    at = data.draw(st.integers(1, len(written) - 1))
    assert scrubbed(f"chest {written[:at]}{mark}{written[at:]}", []) == "chest"
