"""Accept and Content-Type headers as viewers write them, and which representation they get."""

import pytest

from pacs.dicomweb.media import MediaRange, Offer, choose, parse_accept, parse_content_type, takes_gzip
from pacs.errors import NotAcceptable, UnsupportedMediaType

J2K = "1.2.840.10008.1.2.4.90"
EXPLICIT = "1.2.840.10008.1.2.1"
FRAMES = (
    Offer("application/octet-stream", multipart=True, transfer_syntax=J2K),
    Offer("image/jp2", multipart=True, transfer_syntax=J2K),
    Offer("application/octet-stream", transfer_syntax=J2K),
    Offer("application/octet-stream", multipart=True, transfer_syntax=EXPLICIT),
)
METADATA = (Offer("application/dicom+json"),)
PICTURES = (Offer("image/jpeg"), Offer("image/png"))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "*/*",
        "*",
        " , ;q=1",
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        "multipart/related;type=application/octet-stream",
        "Multipart/Related; TYPE=Application/Octet-Stream",
        "multipart/related",
        "multipart/*",
        f"multipart/related; type=application/octet-stream; transfer-syntax={J2K}",
        "text/html, multipart/related; type=application/octet-stream",
        'multipart/related; type="application/octet-stream',
        "multipart/related; type=application/octet-stream; type=image/jls; transfer-syntax=*",
        f"multipart/related; type=application/octet-stream; transfer-syntax=1.2.3; transfer-syntax={J2K}",
    ],
)
def test_frames_as_stored(header: str | None) -> None:
    assert choose(parse_accept(header), FRAMES) == FRAMES[0]


@pytest.mark.parametrize(
    ("header", "index"),
    [
        ('multipart/related; type="image/jp2"; transfer-syntax=*', 1),
        ('multipart/related; type="image/*"', 1),
        ("application/octet-stream", 2),
        ("application/octet-stream, */*;q=0.5", 2),
        (f'multipart/related; type="application/octet-stream"; transfer-syntax={EXPLICIT}', 3),
        (f"multipart/related; type=application/octet-stream; transfer-syntax={EXPLICIT}; q=0.9, */*; q=0.1", 3),
        (f"*/*; transfer-syntax={EXPLICIT}", 3),
    ],
)
def test_frames_otherwise(header: str, index: int) -> None:
    assert choose(parse_accept(header), FRAMES) == FRAMES[index]


@pytest.mark.parametrize(
    "header",
    [
        "application/dicom+json",
        "application/json",
        "application/dicom+json, multipart/related; type=application/dicom+xml",
        "multipart/related; type=application/dicom+xml, application/dicom+json;q=0.2",
        "application/*",
        '"application/dicom+json", */*',
    ],
)
def test_metadata(header: str) -> None:
    assert choose(parse_accept(header), METADATA) == METADATA[0]


def test_repeated_headers_are_one_list() -> None:
    assert choose(parse_accept(["image/webp", "image/png"]), PICTURES).media_type == "image/png"


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/jpeg"),
        ("image/png, */*", "image/png"),
        ("image/jpeg;q=0.3, image/png;q=0.7", "image/png"),
        ("image/jpeg;q=0, */*", "image/png"),
        ("image/png;q=high", "image/png"),
        ("image/png;q=7, image/jpeg;q=-1", "image/png"),
    ],
)
def test_weights(header: str, media_type: str) -> None:
    assert choose(parse_accept(header), PICTURES).media_type == media_type


def test_the_query_parameter_goes_before_the_header() -> None:
    assert choose(parse_accept("image/jpeg", ["image/png"]), PICTURES).media_type == "image/png"
    assert choose(parse_accept("image/png", [""]), PICTURES).media_type == "image/png"
    assert parse_accept(None, ["application/dicom json"]) == (MediaRange("application/dicom+json"),)


def test_nothing_possible_lists_what_is() -> None:
    with pytest.raises(NotAcceptable) as raised:
        choose(parse_accept("multipart/related; type=video/mp4"), FRAMES)
    assert raised.value.field == "Accept"
    for each in FRAMES:
        assert str(each) in raised.value.message
    assert str(FRAMES[0]) == f'multipart/related; type="application/octet-stream"; transfer-syntax={J2K}'


@pytest.mark.parametrize("header", ["application/dicom", "multipart/related; type=image/jp2; transfer-syntax=1.2.3"])
def test_not_acceptable(header: str) -> None:
    with pytest.raises(NotAcceptable):
        choose(parse_accept(header), FRAMES)


def test_content_type() -> None:
    found = parse_content_type('Multipart/Related; type="application/dicom"; Boundary="a;b, \\"c"; charset=utf-8')
    assert found.media_type == "multipart/related"
    assert found.parameters == {"type": "application/dicom", "boundary": 'a;b, "c', "charset": "utf-8"}


@pytest.mark.parametrize("header", [None, "", "; boundary=x", "dicom"])
def test_no_content_type(header: str | None) -> None:
    with pytest.raises(UnsupportedMediaType) as raised:
        parse_content_type(header)
    assert raised.value.field == "Content-Type"


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity, gzippy", False),
    ],
)
def test_gzip_is_taken_when_it_is_named_and_weighs_something(header: str | None, taken: bool) -> None:
    assert takes_gzip(header) is taken
