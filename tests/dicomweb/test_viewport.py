"""The words of a query string that say how a picture is to look."""

import pytest

from pacs.dicomweb.viewport import (
    Viewport,
    parse_annotation,
    parse_profile,
    parse_size,
    parse_viewport,
    parse_window,
)
from pacs.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64,32", Viewport((64, 32))),
        ("64,32,1,2,3,4", Viewport((64, 32), (1, 2, 3, 4))),
        ("64,32,,,-3.5,", Viewport((64, 32), (0, 0, -3.5, None))),
        ("64,32,,,-3.5", Viewport((64, 32), (0, 0, -3.5, None))),
        ("64,32,-1", Viewport((64, 32), (1, 0, None, None))),
    ],
)
def test_viewports(text: str, expected: Viewport) -> None:
    assert parse_viewport(text) == expected


@pytest.mark.parametrize(
    "text", ["", "64", "0,1", "64,32,1,2,3,4,5", "64,32,1,2,3,x", "64,32,nan,2,3,4", "99999,1", "1.5,2"]
)
def test_what_is_no_viewport(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_viewport(text)
    assert raised.value.field == "viewport"


@pytest.mark.parametrize("text", ["", "40", "40,0,linear", "40,400", "40,400,other", "nan,1,linear", "40,400,linear,5"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_window(text)
    assert raised.value.field == "window"
    assert parse_window("40,400,sigmoid") == (40, 400, "SIGMOID")


def test_the_viewport_of_a_thumbnail_names_no_region() -> None:
    assert parse_size("64,32") == (64, 32)
    with pytest.raises(BadRequest):
        parse_size("64,32,0,0,1,1")


def test_annotations_that_nobody_makes_are_told_apart() -> None:
    assert parse_annotation("patient, technique") == (["patient", "technique"], [])
    assert parse_annotation("technique,acme-logo") == (["technique"], ["acme-logo"])


@pytest.mark.parametrize("text", ["", "patient,", "patient;technique", 'x"y', "a" * 65])
def test_what_is_no_annotation(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_annotation(text)
    assert raised.value.field == "annotation"


def test_profiles_are_for_media_types_that_carry_them() -> None:
    assert [parse_profile(each, carried=True) for each in ("no", "yes", "rommrgb")] == ["no", "yes", "rommrgb"]
    assert parse_profile("no", carried=False) == "no"
    for text, carried in (("cmyk", True), ("", True), ("srgb,no", True), ("yes", False)):
        with pytest.raises(BadRequest) as raised:
            parse_profile(text, carried=carried)
        assert raised.value.field == "iccprofile"
