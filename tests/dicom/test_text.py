from pathlib import Path

import pytest
from pydicom.data import get_charset_files

from pacs.dicom.header import parse_header
from pacs.dicom.json import element_values
from pacs.dicom.source import BytesSource
from pacs.dicom.text import character_set, fold

PATIENT_NAME = 0x00100010

# The names as the standard's own examples spell them (PS3.5 §H to §K), in pydicom's files.
NAMES = {
    "chrArab.dcm": "قباني^لنزار",
    "chrFren.dcm": "Buc^Jérôme",
    "chrFrenMulti.dcm": "Buc^Jérôme",
    "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw.dcm": "שרון^דבורה",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti.dcm": "やまだ^たろう",
    "chrKoreanMulti.dcm": "김희중",
    "chrRuss.dcm": "Люкceмбypг",
    "chrX1.dcm": "Wang^XiaoDong=王^小東",
    "chrX2.dcm": "Wang^XiaoDong=王^小东",
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_standards_own_examples(name: str) -> None:
    (path,) = get_charset_files(name)
    root = parse_header(BytesSource(Path(path).read_bytes())).root
    value = root.elements[PATIENT_NAME].value
    assert value is not None
    assert root.character_set.decode(value).rstrip("= ") == NAMES[name]


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("ISO_IR 148", "iso8859_9", "Şahin^Işıl"),
        ("ISO_IR 144", "iso8859_5", "Фёдоров^Пётр"),
        ("ISO_IR 127", "iso8859_6", "قباني^لنزار"),
        ("ISO_IR 126", "iso8859_7", "Διονύσιος"),
        ("ISO_IR 138", "iso8859_8", "שרון^דבורה"),
        ("ISO_IR 101", "iso8859_2", "Wałęsa^Łukasz"),
        ("ISO_IR 109", "iso8859_3", "Ħaġar"),
        ("ISO_IR 110", "iso8859_4", "Bērziņš"),
        ("ISO_IR 166", "tis_620", "สมชาย"),
        ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "utf_8", "王^小东 Çağrı"),
        ("GB18030", "gb18030", "王^小东𠮷"),
        ("GBK", "gbk", "王^小东"),
        ("ISO_IR 100", "latin_1", "Müller"),
        ("iso-ir 148", "iso8859_9", "Gülşen"),
        ("", "utf_8", "Gülşen"),
        ("", "iso8859_9", "Gülşen^Işıl"),
        ("ISO_IR 6", "utf_8", "Çiğdem"),
        ("NONSENSE\\MORE", "iso8859_9", "Çiğdem"),
        ("\\ISO 2022 IR 148", "iso8859_9", "Çiğdem"),
    ],
)
def test_declared_wrongly_declared_and_undeclared(declared: str, encoding: str, text: str) -> None:
    assert character_set(declared.encode()).decode(text.encode(encoding)) == text


def test_escapes_hold_until_the_next_delimiter() -> None:
    turkish = b"\x1b-M" + "Şule".encode("iso8859_9")
    greek = b"\x1b-F" + "Διον".encode("iso8859_7")
    value = turkish + b"^" + greek + b"\\" + "Ä".encode("latin_1")
    assert character_set(b"ISO 2022 IR 100\\ISO 2022 IR 148").decode(value) == "Şule^Διον\\Ä"


def test_a_backslash_inside_a_double_byte_letter_divides_nothing() -> None:
    name = "\u4e57^A"  # its second byte in GB18030 is a backslash
    encoded = name.encode("gb18030")
    assert b"\\" in encoded
    assert character_set(b"GB18030").decode(encoded) == name
    japanese = b"\x1b$B\x25\x5c\x1b(B\\B"
    assert character_set(b"\\ISO 2022 IR 87").decode(japanese) == japanese.decode("iso2022_jp")


@pytest.mark.parametrize("declared", [b"", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030", b"ISO 2022 IR 149", b"\xff"])
def test_no_bytes_raise_and_no_nul_is_left(declared: bytes) -> None:
    for value in (bytes(range(256)), b"\x1b", b"\x1b$B\x80", b"\x1b(Zabc\xff\x00", b"\x1b$)C\xb1", b"\xe5\xb1"):
        text = character_set(declared).decode(value)
        assert "\0" not in text
        text.encode("utf_8")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IŞIL", "ışıl"),
        ("İSTANBUL", "istanbul"),
        ("ISTANBUL", "ıstanbul"),
        ("Çağrı Öztürk", "cagri ozturk"),
        ("Groß", "GROSS"),
        ("Łukasz Bjørn", "lukasz bjorn"),
        ("Пётр", "ПЕТР"),
        ("أحمد", "احمد"),
        ("عَلِيّ", "علی"),
        ("كريم", "کریم"),
        ("فاطمة", "فاطمه"),
        ("محـــمد", "محمد"),
        ("مؤمن", "مومن"),
        ("١٢٣", "۱۲۳"),
        ("Ｙａｍａｄａ", "yamada"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("  Ali   Veli ", "ali veli"),
        ("e\u0301", "É"),
        ("שָׁלוֹם", "שלום"),
    ],
)
def test_what_someone_searching_takes_for_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_what_is_not_the_same_stays_apart() -> None:
    texts = ["が", "か", "홍", "훙", "สมชาย", "สมชย", "山田", "山本", "ali^veli", "ali veli"]
    assert len({fold(text) for text in texts}) == len(texts)


def test_a_query_is_folded_whole() -> None:
    assert fold("Yıl*Ş?le^=") == "yil*s?le^="


def test_a_name_under_another_vr_is_still_a_name() -> None:
    content = b"\x08\0\x05\0CS\x0a\0ISO_IR 192\x10\0\x10\0LO\x06\0A^B=C "
    root = parse_header(BytesSource(content)).root
    assert element_values(root, PATIENT_NAME, "PN") == [{"Alphabetic": "A^B", "Ideographic": "C"}]
