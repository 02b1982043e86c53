"""Which images are looked at: shares of series, key images, the middle, what lies evenly between, windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.ai.choosing import Image, Series, picks, shares, spread
from pacs.ai.windows import WINDOWS, windows_of

ONES = [Image()] * 100


def places(series: Series, count: int) -> list[tuple[int, int]]:
    return [(each.image, each.frame) for each in picks(series, count)]


def test_things_stand_evenly_with_the_middle_among_them() -> None:
    assert spread(100, 1) == [50]
    assert spread(100, 4) == [10, 30, 50, 70]
    assert spread(100, 5) == [10, 30, 50, 70, 90]
    assert spread(3, 5) == [0, 1, 2]
    assert spread(0, 3) == spread(3, 0) == []


@given(st.integers(0, 300), st.integers(0, 40))
def test_no_thing_stands_twice(count: int, wanted: int) -> None:
    found = spread(count, wanted)
    assert len(found) == len(set(found)) == min(count, wanted)
    assert found == sorted(found) and (not found or count // 2 in found)


def test_places_are_shared_fairly() -> None:
    assert shares([Series("CT", ONES), Series("CT", ONES[:1]), Series("MR", ONES)], 9) == [4, 1, 4]
    assert shares([Series("MR", ONES)] * 5, 3) == [1, 1, 1, 0, 0]
    marked = Series("MR", [Image(), Image(key_frames=())])
    assert shares([Series("MR", ONES), Series("MR", ONES), marked], 2) == [1, 0, 1], "what somebody marked goes first"
    assert shares([Series("MG", ONES[:4]), Series("US", ONES)], 6) == [4, 2], "every view"
    assert shares([], 6) == [] and shares([Series("CT", ONES)], 0) == [0]


IMAGES = st.lists(st.builds(Image, st.integers(1, 30), st.none() | st.tuples(st.integers(-1, 40))), max_size=12)
SERIES = st.builds(
    Series, st.sampled_from(("CT", "MG", "US")), IMAGES, st.sampled_from((("",), ("lung", "soft tissue")))
)


@given(st.lists(SERIES, max_size=8), st.integers(0, 30))
def test_all_places_are_used_and_none_twice(series: list[Series], most: int) -> None:
    given = shares(series, most)
    assert sum(given) == min(most, sum(each.most for each in series))
    for each, count in zip(series, given, strict=True):
        found = picks(each, count)
        assert len(found) == len({(one.image, one.frame, one.window) for one in found}) == count
        assert all(1 <= one.frame <= each.images[one.image].frames for one in found)


def test_key_images_come_first_then_the_middle() -> None:
    images = [*ONES[:10], Image(key_frames=()), *ONES[:9]]
    assert [(each.image, each.why) for each in picks(Series("MR", images), 1)] == [(10, "key image")]
    images[3] = Image(key_frames=())
    found = [(each.image, each.why) for each in picks(Series("MR", images), 4)]
    assert found == [(2, "evenly spaced"), (3, "key image"), (10, "key image"), (16, "evenly spaced")]
    first = [(each.image, each.why) for each in picks(Series("MR", ONES[:9]), 3)]
    assert first == [(1, "evenly spaced"), (4, "middle"), (7, "evenly spaced")]


def test_frames_are_sampled() -> None:
    assert places(Series("US", [Image(60)]), 3) == [(0, 11), (0, 31), (0, 51)]
    assert places(Series("US", [Image(60), Image(), Image()]), 4) == [(0, 11), (0, 31), (1, 1), (2, 1)]
    assert places(Series("US", [Image(60, (7, 99)), Image()]), 2) == [(0, 7), (1, 1)], "the marked frame"


def test_every_view_of_a_mammography_is_looked_at() -> None:
    assert {each.why for each in picks(Series("MG", ONES[:4]), 4)} == {"every view"}


def test_each_place_is_shown_in_its_windows() -> None:
    found = [(each.image, each.window) for each in picks(Series("CT", ONES, ("lung", "soft tissue")), 4)]
    assert found == [(16, "lung"), (16, "soft tissue"), (50, "lung"), (50, "soft tissue")]
    assert [each.window for each in picks(Series("CT", ONES, ("lung", "soft tissue")), 1)] == ["lung"]


@pytest.mark.parametrize(
    ("texts", "windows"),
    [
        (["", "HEAD"], ("brain", "bone")),
        (["Beyin 5.0 H31s"], ("brain", "bone")),
        (["01_HeadRoutine"], ("brain", "bone")),
        (["", "CHEST"], ("lung", "soft tissue")),
        (["Akciğer 1.0"], ("lung", "soft tissue")),
        (["", "", "", "BT Toraks + Üst Abdomen"], ("lung", "soft tissue")),
        (["", "ABDOMENPELVIS"], ("soft tissue", "bone")),
        (["", "TSPINE"], ("bone", "soft tissue")),
        (["Lomber vertebra", "ABDOMEN"], ("bone", "soft tissue")),
        (["", "", "КТ органов грудной клетки"], ("lung", "soft tissue")),
        (["سی تی اسکن مغز"], ("brain", "bone")),
        (["Sağ diz"], ("bone", "soft tissue")),
        (["", "Series 3", ""], ("soft tissue", "lung")),
    ],
)
def test_ct_is_looked_at_in_the_windows_of_its_region(texts: list[str], windows: tuple[str, ...]) -> None:
    assert windows_of("CT", texts) == windows
    assert set(windows) <= set(WINDOWS)
    assert windows_of("MR", texts) == ("",)
