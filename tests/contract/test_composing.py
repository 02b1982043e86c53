"""What every object store makes of pieces: one object that nothing changes any more. Proved on both stores."""

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs.aws import composing as s3
from pacs.aws.store import S3Store
from pacs.errors import BeingReplaced, ObjectNotFound
from pacs.local.store import DirectoryStore
from pacs.objects import Piece, Span
from pacs.ports import ObjectStore

TYPE = "multipart/related"


@pytest.fixture(scope="module")
def s3_store(aws_client: Callable[[str], Any]) -> S3Store:
    client, name = aws_client("s3"), f"composed-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return S3Store(name, client)


def original(store: ObjectStore, key: str, body: bytes) -> Span:
    """Store an original; the whole of it."""
    sha256 = hashlib.sha256(body).hexdigest()
    store.store_original(key, body, sha256=sha256, metadata={})
    return Span(key, 0, len(body), sha256)


def test_an_object_is_composed_of_bytes_and_of_originals(store: ObjectStore, folder: str) -> None:
    one, two = original(store, folder + "1.dcm", b"0123"), original(store, folder + "2.dcm", b"abcdef")
    pieces: list[Piece] = [b"<", one, b"><", Span(two.key, 2, 3, two.sha256), b"", one, b">"]
    assert store.compose(folder + "whole", iter(pieces), originals=store, content_type=TYPE) == 15
    body = b"<0123><cde0123>"
    info, found = store.get(folder + "whole")
    assert (info.size_bytes, info.content_type, found) == (len(body), TYPE, body)
    assert store.head(folder + "whole") == info
    assert [each.size_bytes for each in store.scan(folder + "whole")] == [len(body)]
    for start in range(len(body) + 1):
        for length in range(len(body) + 2 - start):
            assert store.read(folder + "whole", start, length) == body[start : start + length]
    assert store.read_start(folder + "whole", 4) == (info, body[:4])
    store.delete(folder + "whole")
    with pytest.raises(ObjectNotFound):
        store.head(folder + "whole")
    assert store.get(one.key)[1] == b"0123"


def test_an_object_of_nothing(store: ObjectStore, folder: str) -> None:
    assert store.compose(folder + "whole", [], originals=store, content_type=TYPE) == 0
    assert store.get(folder + "whole")[1] == b""


def test_what_becomes_of_an_original_changes_nothing(store: ObjectStore, folder: str) -> None:
    replaced, retired = original(store, folder + "1.dcm", b"before"), original(store, folder + "2.dcm", b"there")
    store.compose(folder + "whole", [replaced, b" ", retired], originals=store, content_type=TYPE)
    original(store, replaced.key, b"after!")
    store.delete(retired.key)
    assert store.get(folder + "whole")[1] == b"before there"


@pytest.mark.parametrize(("now", "error"), [(b"newer!", BeingReplaced), (None, ObjectNotFound)])
def test_an_original_that_is_another_by_now_is_not_taken(
    store: ObjectStore, folder: str, now: bytes | None, error: type[Exception]
) -> None:
    known = original(store, folder + "1.dcm", b"known")
    if now:
        original(store, known.key, now)
    else:
        store.delete(known.key)
    with pytest.raises(error):
        store.compose(folder + "whole", [b"<", known], originals=store, content_type=TYPE)
    with pytest.raises(ObjectNotFound):
        store.head(folder + "whole")


def test_a_large_object_is_written_in_parts(s3_store: S3Store, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    monkeypatch.setattr(s3, "READ_BYTES", 1 << 20)
    body = os.urandom(6 << 20)
    large = original(s3_store, folder + "1.dcm", body)
    size = s3_store.compose(folder + "whole", [b"<", large, b"><", large, b">"], originals=s3_store, content_type=TYPE)
    info, found = s3_store.get(folder + "whole")
    assert found == b"<" + body + b"><" + body + b">"
    assert (size, info.content_type, info.etag.partition("-")[2]) == (len(found), TYPE, "3")


def test_large_parts_that_fail_leave_no_upload(
    s3_store: S3Store, folder: str, aws_client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    known = original(s3_store, folder + "1.dcm", b"known")
    original(s3_store, known.key, b"newer")
    with pytest.raises(BeingReplaced):
        s3_store.compose(folder + "whole", [bytes(5 << 20)] * 9 + [known] * 9, originals=s3_store, content_type=TYPE)
    assert "Uploads" not in aws_client("s3").list_multipart_uploads(Bucket=s3_store._bucket)


def test_originals_are_linked_and_not_copied(directory: DirectoryStore, folder: str) -> None:
    one = original(directory, folder + "1.dcm", b"0123456789")
    directory.compose(folder + "whole", [b"<", one, b">"], originals=directory, content_type=TYPE)
    (own, _, _), (link, *span), (tail, _, _) = directory.stretches(folder + "whole", 0, 12)
    assert (own, span) == (tail, [0, 10])
    ((file, _, _),) = directory.stretches(one.key, 0, 10)
    assert link.samefile(file)
    directory.delete(folder + "whole")
    assert not link.exists() and file.read_bytes() == b"0123456789"


def test_a_key_that_only_others_start_with_takes_no_links_away(directory: DirectoryStore, folder: str) -> None:
    one = original(directory, folder + "1.dcm", b"0123456789")
    directory.compose(folder + "answers/whole", [one], originals=directory, content_type=TYPE)
    directory.delete(folder + "answers")
    assert directory.get(folder + "answers/whole")[1] == b"0123456789"


def test_originals_on_another_disk_are_copied(
    directory: DirectoryStore, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = original(directory, folder + "1.dcm", b"0123456789" * 300_000)
    link = os.link

    def refused(source: Path, target: Path, **options: Any) -> None:
        if "links" in Path(target).parts:
            raise OSError(18, "Invalid cross-device link")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", refused)
    pieces: list[Piece] = [b"<", Span(one.key, 1, len(one) - 1, one.sha256), b">"]
    directory.compose(folder + "whole", pieces, originals=directory, content_type=TYPE)
    assert directory.get(folder + "whole")[1] == b"<" + (b"0123456789" * 300_000)[1:] + b">"
