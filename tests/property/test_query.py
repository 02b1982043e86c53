"""Laws of matching, over values that nobody would think of."""

import re
from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dicom.attributes import ATTRIBUTES, Attribute
from pacs.dicom.text import fold, fold_name
from pacs.dicomweb.matching import like_pattern
from pacs.dicomweb.query import parse_query
from pacs.errors import BadRequest

LETTERS = st.sampled_from("abİıßé%_\\.1 ")
WORDS = st.text("abcdİış%_", min_size=1, max_size=5)
NAMES = st.lists(WORDS, min_size=1, max_size=4)


def like(pattern: str, text: str) -> bool:
    """PostgreSQL's LIKE."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def found(keyword: str, value: str, stored: str, *, fuzzy: bool = False) -> bool:
    """Whether a query finds an instance whose attribute the index holds as `stored`."""
    query = parse_query("study", [(keyword, value), ("fuzzymatching", str(fuzzy).lower())], {})
    for each in query.filters:
        patterns = [f"%{like_pattern(str(one))}%" if each.kind == "words" else str(one) for one in each.values]
        results = [like(one, stored) if each.kind in ("wildcard", "words") else one == stored for one in patterns]
        if not (all(results) if each.kind == "words" else any(results)):
            return False
    return True


@settings(deadline=None)
@given(st.text(st.sampled_from("ab*?%_"), max_size=8), st.text("ab%_", max_size=8))
def test_wildcards_mean_what_they_mean_in_a_shell(pattern: str, text: str) -> None:
    if pattern.strip():
        assert found("PatientID", pattern, fold(text)) == fnmatchcase(text, pattern)


@settings(deadline=None)
@given(st.text(LETTERS, min_size=1, max_size=10).filter(lambda text: text.strip() and "\\" not in text))
def test_a_text_is_found_by_itself(text: str) -> None:
    assert found("StudyDescription", text, fold(text))


@settings(deadline=None)
@given(NAMES, st.data(), st.booleans())
def test_a_name_is_found_by_its_components_in_their_order(words: list[str], data: st.DataObject, fuzzy: bool) -> None:
    begin = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(begin + 1, len(words)))
    delimiter = data.draw(st.sampled_from("^ "))
    assert found("PatientName", delimiter.join(words[begin:end]), fold_name("^".join(words)), fuzzy=fuzzy)


@settings(deadline=None)
@given(NAMES)
def test_a_name_is_found_fuzzily_in_any_order(words: list[str]) -> None:
    assert found("PatientName", " ".join(sorted(words)), fold_name("^".join(words)), fuzzy=True)


@settings(deadline=None)
@given(NAMES, NAMES)
def test_a_name_without_wildcards_finds_no_part_of_a_word(words: list[str], asked: list[str]) -> None:
    if found("PatientName", "^".join(asked), fold_name("^".join(words))):
        assert [fold(each) for each in asked] in [
            [fold(each) for each in words[begin : begin + len(asked)]] for begin in range(len(words))
        ]


@settings(deadline=None)
@given(st.sampled_from(ATTRIBUTES), st.text(max_size=30))
def test_any_value_is_understood_or_refused_by_the_name_of_its_parameter(attribute: Attribute, value: str) -> None:
    try:
        query = parse_query("instance", [(attribute.path, value)], {})
    except BadRequest as error:
        assert error.field == attribute.path
        return
    assert all(each.attribute is attribute and each.values for each in query.filters)
    assert query.includes(attribute.path)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=4))
def test_any_query_string_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        parse_query("study", pairs, {})
    except BadRequest as error:
        assert error.field in [name for name, _ in pairs]
