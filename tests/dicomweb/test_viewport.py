"""The words of a query string that say how a picture is to look."""

import pytest

from pacs.dicomweb.viewport import Viewport, parse_viewport, parse_window
from pacs.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64,32", Viewport((64, 32))),
        ("64,32,1,2,3,4", Viewport((64, 32), (1, 2, 3, 4))),
        ("64,32,,,-3.5,", Viewport((64, 32), (0, 0, -3.5, None))),
    ],
)
def test_viewports(text: str, expected: Viewport) -> None:
    assert parse_viewport(text) == expected


@pytest.mark.parametrize("text", ["", "64", "0,1", "64,32,1", "64,32,1,2,3,x", "64,32,nan,2,3,4", "99999,1", "1.5,2"])
def test_what_is_no_viewport(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_viewport(text)
    assert raised.value.field == "viewport"


@pytest.mark.parametrize("text", ["", "40", "40,0", "40,400,other", "nan,1", "40,400,linear,5"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_window(text)
    assert raised.value.field == "window"
    assert parse_window("40,400,sigmoid") == (40, 400, "SIGMOID")
