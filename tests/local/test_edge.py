"""What the edge sends by itself: frames that are ready, the viewer's files, presigned objects."""

import gzip
import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from urllib3 import encode_multipart_formdata

from infra.local.edge import Edge, takes_stored
from infra.local.gateway import Gateway
from pacs.errors import ObjectNotFound, Unauthenticated
from pacs.local.store import DirectoryStore
from pacs.objects import Span
from pacs.people.scope import Scope
from tests.local.asking import Heard, ask

OURS, THEIRS = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SCOPES = {
    "all": Scope(OURS, "radiologist"),
    "launch": Scope(OURS, "launch", studies=("1.2",)),
    "other study": Scope(OURS, "launch", studies=("1.9",)),
    "private": Scope(OURS, "launch", studies=("1.2",), privacy=True),
    "branch": Scope(OURS, "technician", branches=("b",)),
    "theirs": Scope(THEIRS, "radiologist"),
}
FRAME = "/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1"
TYPE = 'multipart/related; type="application/octet-stream"; boundary=x'
ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'


class Machine:
    def __init__(self, folder: Path) -> None:
        self.derived = DirectoryStore(
            folder / "derived", name="derived", journal=None, url_base="http://pacs.example", url_key=b"k" * 32
        )
        self.site = folder / "site"
        self.site.mkdir()
        self.asked = 0
        edge = Edge({"derived": self.derived}, self.scope_of, self.site)
        self.gateway = Gateway((), {}, edge=edge)

    def scope_of(self, headers: Mapping[str, str], study: str) -> Scope:
        self.asked += 1
        name = headers.get("authorization", "").removeprefix("Bearer ")
        if name not in SCOPES:
            raise Unauthenticated("a token is needed")
        return SCOPES[name]

    def get(self, target: str, token: str = "", method: str = "GET", **headers: str) -> Heard:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.gateway, method, target, headers=told | {"authorization": f"Bearer {token}"})


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    made.derived.put(f"frames/{OURS}/1.2/1.3/1.4/1", b"pixels", content_type=TYPE)
    yield made
    made.gateway.close()


@pytest.mark.parametrize("token", ["all", "launch"])
def test_a_frame_that_is_ready_is_sent_as_it_lies(machine: Machine, token: str) -> None:
    heard = machine.get(FRAME, token, accept=ACCEPT)
    assert (heard.status, heard.body, heard.header["content-type"]) == (200, b"pixels", TYPE)
    assert heard.header["cache-control"] == "private, no-cache"
    assert heard.header["last-modified"].endswith(" GMT")


@pytest.mark.parametrize("token", ["", "other study", "private", "branch", "theirs"])
def test_whoever_needs_a_closer_look_goes_on_to_the_function(machine: Machine, token: str) -> None:
    assert machine.get(FRAME, token).status == 404  # this gateway has no function behind it


@pytest.mark.parametrize("target", [FRAME[:-1] + "2", FRAME + ",2", FRAME + "/rendered", FRAME + "?a=b", FRAME[:-1]])
def test_what_is_not_one_ready_frame_goes_on_to_the_function(machine: Machine, target: str) -> None:
    assert machine.get(target, "all").status == 404


def test_a_frame_that_the_browser_has_is_not_sent_again(machine: Machine) -> None:
    etag = machine.get(FRAME, "all").header["etag"]
    heard = machine.get(FRAME, "all", if_none_match=etag)
    assert (heard.status, heard.body) == (304, b"")


def test_head_tells_the_length_of_a_frame(machine: Machine) -> None:
    heard = machine.get(FRAME, "all", method="HEAD")
    assert (heard.status, heard.body, heard.header["content-length"]) == (200, b"", "6")


def test_a_token_is_verified_once_a_second_and_never_for_another_study(machine: Machine) -> None:
    for _ in range(5):
        machine.get(FRAME, "all")
    assert machine.asked == 1
    machine.get(FRAME.replace("1.2/", "1.5/"), "all")
    machine.get(FRAME, "launch")
    assert machine.asked == 3


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", True),
        ("*/*", True),
        (ACCEPT, True),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", True),
        ('multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.4.80', False),
        ('multipart/related; type="image/jls"', False),
        ("image/jpeg", False),
    ],
)
def test_only_those_who_take_any_syntax_get_a_frame_as_stored(accept: str, expected: bool) -> None:
    assert takes_stored(accept) is expected


def presigned(machine: Machine, expires_s: int = 60) -> str:
    machine.derived.put("exports/a b.zip", b"0123456789")
    url = urlsplit(machine.derived.presign_get("exports/a b.zip", expires_s=expires_s, content_type="application/zip"))
    return f"{url.path}?{url.query}"


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_presigned_object_is_sent_whole_or_in_part(
    machine: Machine, asked: str, status: int, body: bytes, told: str | None
) -> None:
    heard = machine.get(presigned(machine), range=asked)
    assert (heard.status, heard.body, heard.header.get("content-range")) == (status, body, told)
    assert heard.header["content-type"] == "application/zip"
    assert heard.header["content-length"] == str(len(body))


def test_a_range_past_the_end_cannot_be_satisfied(machine: Machine) -> None:
    assert machine.get(presigned(machine), range="bytes=10-").status == 416


def test_a_presigned_url_is_good_for_its_object_until_it_expires(machine: Machine) -> None:
    target = presigned(machine)
    assert machine.get(target.replace("a%20b", f"../frames/{OURS}/1.2/1.3/1.4/1")).status == 403
    assert machine.get(target.replace("application%2Fzip", "text%2Fhtml")).status == 403
    assert machine.get(presigned(machine, expires_s=0)).status == 403
    assert machine.get("/objects/derived/exports/a%20b.zip").status == 404
    assert machine.get(target.replace("/derived/", "/secrets/")).status == 404
    assert machine.get(f"/objects/derived/gone?expires={int(time.time()) + 60}&signature=x").status == 403


def posted(machine: Machine, target: str, **fields: bytes) -> Heard:
    body, content_type = encode_multipart_formdata({name: (name, value) for name, value in fields.items()})
    return ask(machine.gateway, "POST", target, headers={"content-type": content_type}, body=[body])


def presigned_form(machine: Machine, expires_s: int = 60) -> str:
    made = machine.derived.presign_post("uploads/a b/1", expires_s=expires_s, least_bytes=2, most_bytes=10)
    assert made.fields == {}
    url = urlsplit(made.url)
    return f"{url.path}?{url.query}"


def test_the_file_of_a_presigned_form_becomes_the_object(machine: Machine) -> None:
    target = presigned_form(machine)
    for body in (b"first", b"2nd", b"0123456789"):
        assert posted(machine, target, other=b"x", file=body).status == 204
        assert machine.derived.get("uploads/a b/1")[1] == body


def test_a_presigned_form_is_good_for_its_object_size_and_time(machine: Machine) -> None:
    target = presigned_form(machine)
    assert posted(machine, target.replace("a%20b/1", "a%20b/2"), file=b"body").status == 403
    assert posted(machine, target.replace("sizes=2-10", "sizes=2-99"), file=b"body").status == 403
    assert posted(machine, presigned_form(machine, expires_s=0), file=b"body").status == 403
    assert posted(machine, presigned(machine), file=b"body").status == 403
    for body in (b"1", b"01234567890"):
        refused = posted(machine, target, file=body)
        assert (refused.status, refused.json["code"]) == (400, "BAD_REQUEST")
    assert posted(machine, target, bytes=b"body").status == 400
    assert machine.get(target).status == 403
    with pytest.raises(ObjectNotFound):
        machine.derived.head("uploads/a b/1")


def test_the_viewer_says_that_it_is_not_built(machine: Machine) -> None:
    heard = machine.get("/ohif-viewer/")
    assert heard.status == 404
    assert "make site" in heard.json["message"]


@pytest.fixture
def built(machine: Machine) -> Machine:
    (machine.site / "index.html").write_text("<html>")
    (machine.site / "app.123.js").write_text("let a = 1")
    (machine.site / "app.123.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (machine.site.parent / "secret").write_text("secret")
    return machine


def test_files_of_the_viewer_are_sent_compressed_to_who_takes_it(built: Machine) -> None:
    plain = built.get("/ohif-viewer/app.123.js")
    squeezed = built.get("/ohif-viewer/app.123.js", accept_encoding="br, gzip")
    assert plain.body == gzip.decompress(squeezed.body) == b"let a = 1"
    assert squeezed.header["content-encoding"] == "gzip"
    assert squeezed.header["content-type"] == "text/javascript; charset=utf-8"
    assert "content-encoding" not in plain.header
    assert plain.header["etag"] != squeezed.header["etag"]
    assert plain.header["vary"] == "accept-encoding"
    assert "max-age" in plain.header["cache-control"]
    assert "frame-ancestors" in plain.header["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/viewer",
        "/viewer/deep",
        "/gone.js",
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%00",
        "//etc/passwd",
    ],
)
def test_every_other_path_of_the_viewer_is_its_first_page(built: Machine, path: str) -> None:
    heard = built.get(f"/ohif-viewer{path}")
    assert (heard.status, heard.body) == (200, b"<html>")
    assert heard.header["content-type"] == "text/html; charset=utf-8"
    assert "no-cache" in heard.header["cache-control"]


def test_a_file_that_the_browser_has_is_not_sent_again(built: Machine) -> None:
    etag = built.get("/ohif-viewer/").header["etag"]
    heard = built.get("/ohif-viewer/", if_none_match=etag)
    assert (heard.status, heard.body) == (304, b"")


def test_an_object_of_many_pieces_is_sent_in_one(machine: Machine) -> None:
    body = bytes(range(256)) * 20_000  # larger than what is sent at a time
    sha256 = hashlib.sha256(body).hexdigest()
    machine.derived.store_original("1.dcm", body, sha256=sha256, metadata={})
    span = Span("1.dcm", 1, len(body) - 1, sha256)
    whole = b"".join(b"<%d" % number + body[1:] for number in range(3))
    pieces = [each for number in range(3) for each in (b"<%d" % number, span)]
    machine.derived.compose("whole", pieces, originals=machine.derived, content_type="a/b")
    url = urlsplit(machine.derived.presign_get("whole", expires_s=60, content_type="a/b"))
    target = f"{url.path}?{url.query}"
    heard = machine.get(target)
    assert (heard.status, heard.header["content-length"]) == (200, str(len(whole)))
    assert heard.body == whole
    part = machine.get(target, range="bytes=5119990-10240010")
    assert (part.status, part.body) == (206, whole[5119990:10240011])
    assert machine.get(target, method="HEAD").header["content-length"] == str(len(whole))


def test_an_object_of_nothing_is_sent(machine: Machine) -> None:
    machine.derived.put("nothing", b"")
    url = urlsplit(machine.derived.presign_get("nothing", expires_s=60, content_type="a/b"))
    heard = machine.get(f"{url.path}?{url.query}")
    assert (heard.status, heard.body, heard.header["content-length"]) == (200, b"", "0")
