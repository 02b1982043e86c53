"""What a search URL is understood to ask for; the calls of viewers among the cases."""

import re
from urllib.parse import parse_qsl

import pytest

from pacs.dicom.attributes import Level, by_name
from pacs.dicom.text import fold_name
from pacs.dicomweb.matching import like_pattern
from pacs.dicomweb.query import DEFAULT_LIMIT, MAX_LIMIT, Filter, Query, parse_query
from pacs.errors import BadRequest


def parse(query_string: str, level: Level = "study", **fixed: str) -> Query:
    return parse_query(level, parse_qsl(query_string, keep_blank_values=True), fixed)


def only(query_string: str, level: Level = "study") -> Filter:
    """The one filter of a query."""
    (found,) = parse(query_string, level).filters
    return found


def like(pattern: str, text: str) -> bool:
    """PostgreSQL's LIKE."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def matches(query_string: str, stored: str) -> bool:
    """Whether the filter on a name or a text finds what the index holds."""
    found = only(query_string)
    if found.kind == "words":
        return all(like(f"%{like_pattern(str(word))}%", stored) for word in found.values)
    results = [like(str(value), stored) for value in found.values]
    return any(results) if found.kind == "wildcard" else stored in found.values


def test_ohif_asks_for_one_study() -> None:
    query = parse(
        "limit=101&offset=0&fuzzymatching=false&includefield=00081030,00080060,00080090,00100030&StudyInstanceUID=1.2.3"
    )
    assert query.filters == (Filter(by_name()["StudyInstanceUID"], "exact", ("1.2.3",)),)
    assert (query.limit, query.offset, query.fuzzymatching) == (101, 0, False)
    assert query.include == frozenset({"00081030", "00080060", "00080090", "00100030", "0020000D"})
    assert query.warnings == ()


def test_ohif_study_list() -> None:
    query = parse(
        "limit=101&offset=101&fuzzymatching=true&includefield=00081030%2C00080060&PatientName=%2ayilmaz%20su%2a"
        "&00100020=%2A12%2A&StudyDate=20240101-20241231&ModalitiesInStudy=CT,MR"
    )
    assert {each.attribute.keyword: (each.kind, each.values) for each in query.filters} == {
        "PatientName": ("words", ("yilmaz", "su")),
        "PatientID": ("wildcard", ("%12%",)),
        "StudyDate": ("range", ("20240101", "20241231")),
        "ModalitiesInStudy": ("list", ("CT", "MR")),
    }
    assert (query.limit, query.offset) == (101, 101)


def test_ohif_asks_for_series_of_a_study() -> None:
    query = parse("includefield=00080021,00080031,0008103E,00200011", "series", StudyInstanceUID="1.2.3")
    assert query.filters == (Filter(by_name()["StudyInstanceUID"], "exact", ("1.2.3",)),)
    assert query.fixed_levels == {"study"}
    assert query.includes("0008103E")
    assert not query.includes("00080060")


def test_path_and_parameter_both_narrow() -> None:
    query = parse("StudyInstanceUID=1.9", "instance", StudyInstanceUID="1.2", SeriesInstanceUID="1.3")
    assert [each.values for each in query.filters] == [("1.2",), ("1.3",), ("1.9",)]
    assert query.fixed_levels == {"study", "series"}


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_attributes_of_every_level_filter_at_every_level(level: Level) -> None:
    query = parse("PatientID=7&Modality=CT&InstanceNumber=5", level)
    assert [each.attribute.level for each in query.filters] == ["study", "series", "instance"]


@pytest.mark.parametrize("name", ["PatientID", "00100020", "0020000D", "0020000d"])
def test_keywords_and_tags_of_any_case_name_an_attribute(name: str) -> None:
    assert by_name()[name.upper() if name[0] == "0" else name] == only(f"{name}=1").attribute


@pytest.mark.parametrize(
    "name",
    [
        "00400275.00400009",
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "RequestAttributesSequence.00400009",
    ],
)
def test_attributes_in_sequences_are_named_by_their_path(name: str) -> None:
    found = only(f"{name}=SPS*1")
    assert found.attribute.column == "scheduled_procedure_step_id"
    assert (found.kind, found.values) == ("wildcard", ("sps%1",))


@pytest.mark.parametrize("text", ["1.2,1.3", "1.2\\1.3", "1.2%5C1.3", "1.2%2C1.3", " 1.2, 1.3,1.2 ,"])
def test_uid_lists(text: str) -> None:
    found = only(f"StudyInstanceUID={text}")
    assert (found.kind, found.values) == ("list", ("1.2", "1.3"))


def test_repeated_keys_are_alternatives() -> None:
    assert only("ModalitiesInStudy=CT&00080061=mr").values == ("CT", "MR")
    assert only("StudyInstanceUID=1.2&StudyInstanceUID=1.3").values == ("1.2", "1.3")


@pytest.mark.parametrize("value", ["", "*", "%2A", " ", "**"])
def test_universal_match_filters_nothing_but_is_returned(value: str) -> None:
    query = parse(f"InstitutionName=&PatientName={value}")
    assert query.filters == ()
    assert query.includes("00080080")
    assert query.includes("00100010")


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        ("20240229", "exact", ("20240229",)),
        ("20240101-20240131", "range", ("20240101", "20240131")),
        ("20240101-", "range", ("20240101", "")),
        ("-20240131", "range", ("", "20240131")),
        ("20240101,20240103", "list", ("20240101", "20240103")),
    ],
)
def test_dates(value: str, kind: str, values: tuple[str, ...]) -> None:
    found = only(f"StudyDate={value}")
    assert (found.kind, found.values) == (kind, values)


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("10", ("100000.000000", "105959.999999")),
        ("1030", ("103000.000000", "103059.999999")),
        ("10:30:15", ("103015.000000", "103015.999999")),
        ("103015.5", ("103015.500000", "103015.599999")),
        ("0800-0930", ("080000.000000", "093059.999999")),
        ("0800-", ("080000.000000", "")),
        ("-093015.25", ("", "093015.259999")),
    ],
)
def test_times_are_padded_to_all_that_they_cover(value: str, values: tuple[str, str]) -> None:
    found = only(f"StudyTime={value}")
    assert (found.kind, found.values) == ("range", values)


def test_a_whole_time_is_exact() -> None:
    assert only("StudyTime=103015.123456").values == ("103015.123456",)


def test_integers_are_numbers() -> None:
    assert only("InstanceNumber=007", "instance").values == (7,)
    assert only("SeriesNumber=1,-2", "series").values == (1, -2)


def test_texts_are_folded_and_codes_are_capitals() -> None:
    assert only("StudyDescription=GÖĞÜS BT").values == ("gogus bt",)
    assert only("Modality=ct", "series").values == ("CT",)
    assert only("Modality=c*", "series").values == ("C%",)


def test_like_characters_in_values_are_letters() -> None:
    found = only("AccessionNumber=50%25_a*b?")
    assert found.values == ("50\\%\\_a%b_",)
    assert like(str(found.values[0]), "50%_axxbc")
    assert not like(str(found.values[0]), "50x_axxbc")


def test_several_texts_one_of_them_with_a_wildcard() -> None:
    found = only("PatientID=a_1\\b*")
    assert (found.kind, found.values) == ("wildcard", ("a\\_1", "b%"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Yılmaz^Şule", True),
        ("YILMAZ", True),
        ("sule", True),
        ("Yilmaz Sule", True),
        ("yilmaz^^", True),
        ("^sule", True),
        ("YILMAZ^*", True),
        ("*^SULE", True),
        ("YIL*", True),
        ("su?e", True),
        ("*lma*", True),
        ("Y*^S*", True),
        ("山田", True),
        ("yil", False),
        ("sule^yilmaz", False),
        ("ule", False),
        ("yilmaz^s", False),
        ("%", False),
    ],
)
def test_names_match_whole_components_in_their_order(value: str, found: bool) -> None:
    assert matches(f"PatientName={value.replace('%', '%25')}", fold_name("yilmaz^sule=山田^太郎")) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [("sule yil", True), ("ŞUL* *YILM", True), ("lma", True), ("sule^demir", False), ("su?e", True)],
)
def test_fuzzy_names_match_parts_of_words_in_any_order(value: str, found: bool) -> None:
    assert matches(f"fuzzymatching=true&PatientName={value}", "yilmaz sule") is found


def test_fuzzymatching_leaves_other_attributes_exact() -> None:
    assert only("fuzzymatching=true&StudyDescription=THORAX").kind == "exact"


def test_several_names_are_alternatives() -> None:
    assert matches("PatientName=demir\\yilmaz", "yilmaz sule")
    assert matches("fuzzymatching=true&PatientName=demir\\yilmaz", "yilmaz sule")


def test_limits() -> None:
    assert parse("").limit == DEFAULT_LIMIT
    assert parse("limit=999999").limit == MAX_LIMIT
    assert parse("limit=0").limit == 0


def test_includefield_in_all_its_forms() -> None:
    query = parse("includefield=StudyDescription&includefield=0008103e,00400275.00400009,")
    assert query.include == frozenset({"00081030", "0008103E", "00400275.00400009"})
    everything = parse("includefield=00081030,all")
    assert everything.include == "all"
    assert everything.includes("7FE00010")


def test_legal_attributes_that_cannot_be_matched_are_told_and_ignored() -> None:
    query = parse("PatientWeight=70&00400275.00400007=X&00191008=1&PatientID=1")
    assert [each.attribute.keyword for each in query.filters] == ["PatientID"]
    (warning,) = query.warnings
    assert "PatientWeight, 00400275.00400007, 00191008" in warning
    assert "70" not in warning


def test_unknown_parameters_are_told_and_ignored() -> None:
    query = parse("NoSuchKeyword=1&0010002=1&=1&%0D%0ASet-Cookie%3Aa=1&%C4%9F=1&PatientID=1")
    assert [each.attribute.keyword for each in query.filters] == ["PatientID"]
    (warning,) = query.warnings
    assert warning.endswith("ignored: NoSuchKeyword, 0010002, (a name that cannot be told).")


def test_empty_values_are_matched_when_asked_for() -> None:
    found = only('emptyvaluematching=true&AccessionNumber=""')
    assert (found.kind, found.values) == ("empty", ())
    assert only('emptyvaluematching=true&StudyDate=""').kind == "empty"
    assert only('AccessionNumber=""').values == ('""',)
    assert parse("emptyvaluematching=true&multiplevaluematching=true&accept=application/json").warnings == ()


@pytest.mark.parametrize(
    ("query_string", "values"),
    [
        ("20240101-20240103&StudyTime=1000-12", ("20240101", "100000.000000", "20240103", "125959.999999")),
        ("20240101-&StudyTime=1000-", ("20240101", "100000.000000", "", "")),
        ("-20240103&StudyTime=-12", ("", "", "20240103", "125959.999999")),
    ],
)
def test_a_date_and_a_time_that_are_ranges_of_one_form_are_moments(query_string: str, values: tuple[str, ...]) -> None:
    found = only(f"StudyDate={query_string}")
    assert (found.kind, found.values) == ("moments", values)
    assert (found.attribute, found.time) == (by_name()["StudyDate"], by_name()["StudyTime"])


@pytest.mark.parametrize(
    "query_string",
    [
        "StudyDate=20240101-20240103&StudyTime=10",
        "StudyDate=20240101-&StudyTime=-10",
        "StudyDate=20240101-20240103&StudyTime=10-",
        "StudyDate=20240101&StudyTime=10-11",
        "StudyDate=20240101,20240102&StudyTime=10-11",
        "StudyDate=20240101-20240103&SeriesTime=10-11",
    ],
)
def test_other_dates_and_times_are_matched_by_themselves(query_string: str) -> None:
    assert len(parse(query_string).filters) == 2


def test_over_dimse_dates_and_times_are_apart() -> None:
    pairs = [("StudyDate", "20240101-20240103"), ("StudyTime", "10-11")]
    assert [each.kind for each in parse_query("study", pairs, {}, combined=False).filters] == ["range", "range"]


@pytest.mark.parametrize(
    ("query_string", "field"),
    [
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=²", "limit"),
        ("limit=", "limit"),
        ("offset=-5", "offset"),
        ("offset=99999999999", "offset"),
        ("fuzzymatching=yes", "fuzzymatching"),
        ("includefield=NoSuchKeyword", "includefield"),
        ("includefield=0010", "includefield"),
        ("StudyDate=2024", "StudyDate"),
        ("00080020=20241301", "00080020"),
        ("StudyDate=20240101-20240131-20240201", "StudyDate"),
        ("StudyDate=-", "StudyDate"),
        ("StudyDate=٢٠٢٤٠١٠١", "StudyDate"),
        ("StudyDate=20240101,20240103-20240104", "StudyDate"),
        ("StudyTime=2500", "StudyTime"),
        ("StudyTime=103", "StudyTime"),
        ("StudyTime=10,11", "StudyTime"),
        ("StudyInstanceUID=abc", "StudyInstanceUID"),
        ("StudyInstanceUID=1.2.*", "StudyInstanceUID"),
        ("StudyInstanceUID=" + "1" * 65, "StudyInstanceUID"),
        ("StudyInstanceUID=,", "StudyInstanceUID"),
        ("InstanceNumber=2.0", "InstanceNumber"),
        ("InstanceNumber=4294967296", "InstanceNumber"),
        ("PatientID=a%00b", "PatientID"),
        ("PatientID=a%0D%0Ab", "PatientID"),
        ("PatientID=" + "x" * 257, "PatientID"),
        ("PatientName=" + "*a" * 17, "PatientName"),
    ],
)
def test_values_that_cannot_be_meant_name_their_parameter(query_string: str, field: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(query_string, "instance")
    assert raised.value.field == field


def test_a_malformed_uid_in_the_path() -> None:
    for uid in ("x", "1.2,1.3", "1..2"):
        with pytest.raises(BadRequest) as raised:
            parse("", "series", StudyInstanceUID=uid)
        assert raised.value.field == "StudyInstanceUID"
