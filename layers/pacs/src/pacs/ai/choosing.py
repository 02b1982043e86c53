"""Which images of a study does a model look at? By rules that docs/ai.md tells; pure, and called by previews.

Each series gets its share of the places. In a series key images come first, then the middle, then what lies evenly
between; of a mammography every view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Why = Literal["key image", "every view", "middle", "evenly spaced"]
WHOLE = frozenset(("MG",))  # modalities of which every image is looked at


@dataclass(frozen=True)
class Image:
    """One instance with a picture. `key_frames`: those that somebody has marked; an empty tuple: the whole of it."""

    frames: int = 1
    key_frames: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Series:
    """The images of a series that may be looked at, in their order, and the windows in which they are."""

    modality: str
    images: Sequence[Image]
    windows: tuple[str, ...] = ("",)

    @property
    def has_keys(self) -> bool:
        return any(each.key_frames is not None for each in self.images)

    @property
    def most(self) -> int:
        """How many previews it could fill."""
        return sum(each.frames for each in self.images) * len(self.windows)


@dataclass(frozen=True)
class Pick:
    """One preview: `image` is its place among those of the series, `frame` counts from 1."""

    image: int
    frame: int
    window: str
    why: Why


def shares(series: Sequence[Series], most: int) -> list[int]:
    """How many previews each series gets, at most `most` together.

    One a series, those with key images and mammographies first, then in their order; then one more for each that can
    fill it, until nothing is left.
    """
    given = [0] * len(series)
    first = sorted(range(len(series)), key=lambda each: not (series[each].has_keys or series[each].modality in WHOLE))
    left = most
    for each in first:
        wanted = len(series[each].images) if series[each].modality in WHOLE else 1
        given[each] = min(wanted, series[each].most, left)
        left -= given[each]
    while left > 0:
        hungry = [each for each in first if given[each] < series[each].most]
        if not hungry:
            break
        for each in hungry[:left]:
            given[each] += 1
        left -= len(hungry[:left])
    return given


def spread(count: int, places: int) -> list[int]:
    """Which of `count` things stand evenly with the middle among them; counted from 0, in order."""
    if places >= count:
        return list(range(count))
    parts = places | 1  # an odd number of equal parts has a middle one
    return [(2 * each + 1) * count // (2 * parts) for each in range(places)]


def picks(series: Series, places: int) -> list[Pick]:
    """The previews of one series in the order of its images, at most `places`."""
    if places <= 0 or not series.images:
        return []
    wanted = min(-(-places // len(series.windows)), sum(each.frames for each in series.images))
    marked = key_frames(series.images)
    found: dict[tuple[int, int], Why] = {marked[each]: "key image" for each in spread(len(marked), wanted)}
    center = len(series.images) // 2, middle(series.images[len(series.images) // 2])
    for count in range(wanted - len(found), wanted + 1):
        for each in sorted(spaced(series.images, count), key=lambda each: each != center):
            if len(found) < wanted and each not in found:
                found[each] = why_of(series, is_center=each == center)
    every = [Pick(*each, window, found[each]) for each in sorted(found) for window in series.windows]
    return every[:places]


def why_of(series: Series, *, is_center: bool) -> Why:
    if series.modality in WHOLE:
        return "every view"
    return "middle" if is_center else "evenly spaced"


def middle(image: Image) -> int:
    return image.frames // 2 + 1


def key_frames(images: Sequence[Image]) -> list[tuple[int, int]]:
    """Place and frame of what was marked; of an image that was marked as a whole its middle frame."""
    found = []
    for place, image in enumerate(images):
        if image.key_frames is not None:
            known = sorted({each for each in image.key_frames if 1 <= each <= image.frames})
            found += [(place, each) for each in known or [middle(image)]]
    return found


def spaced(images: Sequence[Image], count: int) -> list[tuple[int, int]]:
    """Place and frame of so many evenly spaced ones: a frame each; of several frames more when there are places."""
    if count <= len(images):
        return [(each, middle(images[each])) for each in spread(len(images), count)]
    each_gets = shares([Series("", [image]) for image in images], count)
    return [
        (place, frame + 1)
        for place, (image, places) in enumerate(zip(images, each_gets, strict=True))
        for frame in spread(image.frames, places)
    ]
