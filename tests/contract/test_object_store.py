"""What every object store must do, proved on the directory and on S3 (moto's server)."""

import base64
import hashlib
import json
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from pacs.aws import store as s3
from pacs.aws.store import S3Store
from pacs.errors import BadRequest, Forbidden, ObjectNotFound, StoreUnavailable
from pacs.local.store import DirectoryStore
from pacs.ports import ObjectStore, Outcome

AwsClient = Callable[[str], Any]


@pytest.fixture(scope="module")
def client(aws_client: AwsClient) -> Any:
    return aws_client("s3")


@pytest.fixture(scope="module")
def bucket(client: Any) -> str:
    name = f"store-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture(scope="module")
def s3_store(client: Any, bucket: str) -> S3Store:
    return S3Store(bucket, client)


def store_original(store: ObjectStore, key: str, body: bytes | Path) -> Outcome:
    data = body if isinstance(body, bytes) else body.read_bytes()
    return store.store_original(key, body, sha256=sha256(data), metadata={"calling-ae": "CT1"})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_object_comes_back_as_it_was_put(store: ObjectStore, folder: str) -> None:
    metadata = {"calling-ae": "CT 1", "branch_id": 'Şişli/%41 "ünite"\n'}
    store.put(folder + "a", b"body", content_type="text/plain", content_encoding="gzip", metadata=metadata)
    info, body = store.get(folder + "a")
    assert body == b"body"
    assert (info.key, info.size_bytes, info.content_type) == (folder + "a", 4, "text/plain")
    assert (info.content_encoding, info.metadata) == ("gzip", metadata)
    assert info.last_modified.utcoffset() is not None
    assert store.head(folder + "a") == info


def test_defaults_of_put(store: ObjectStore, folder: str) -> None:
    store.put(folder + "a", b"")
    info, body = store.get(folder + "a")
    assert body == b""
    assert (info.content_type, info.content_encoding, info.metadata) == ("application/octet-stream", "", {})


def test_put_replaces_and_changes_the_etag(store: ObjectStore, folder: str) -> None:
    etag = store.put(folder + "a", b"one")
    assert store.head(folder + "a").etag == store.get(folder + "a")[0].etag == etag
    assert store.put(folder + "a", b"two") == store.head(folder + "a").etag not in ("", etag)
    assert store.get(folder + "a")[1] == b"two"
    assert '"' not in etag


def test_put_reads_a_file_and_leaves_it_alone(store: ObjectStore, folder: str, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"from a file")
    store.put(folder + "a", file)
    assert store.get(folder + "a")[1] == file.read_bytes() == b"from a file"


@pytest.mark.parametrize(("offset", "length"), [(0, 4), (3, 4), (8, 4), (9, 1), (10, 1), (99, 5), (0, 99), (2, 0)])
def test_read_of_a_range(store: ObjectStore, folder: str, offset: int, length: int) -> None:
    store.put(folder + "a", b"0123456789")
    assert store.read(folder + "a", offset, length) == b"0123456789"[offset : offset + length]


def test_read_refuses_negative_ranges(store: ObjectStore, folder: str) -> None:
    for offset, length in ((-1, 1), (0, -1)):
        with pytest.raises(BadRequest):
            store.read(folder + "a", offset, length)


def test_what_is_not_there_is_not_found(store: ObjectStore, folder: str) -> None:
    store.put(folder + "a/b", b"")
    calls: list[Callable[[str], object]] = [
        store.get,
        store.head,
        lambda key: store.read(key, 0, 1),
        lambda key: store.read(key, 0, 0),
    ]
    for key in ("missing", "a", "a/b/c"):
        for call in calls:
            with pytest.raises(ObjectNotFound):
                call(folder + key)
        store.delete(folder + key)
        assert store.versions(folder + key) == []
    assert store.get(folder + "a/b")[1] == b""


@pytest.mark.parametrize("as_file", [False, True])
def test_an_original_is_created_unchanged_or_replaced(
    store: ObjectStore, folder: str, tmp_path: Path, as_file: bool
) -> None:
    def body(data: bytes) -> bytes | Path:
        if not as_file:
            return data
        (tmp_path / "body").write_bytes(data)
        return tmp_path / "body"

    key = folder + "1.2.3.dcm"
    outcomes = []
    for data in (b"one", b"one", b"two", b"two", b"one"):
        outcomes.append(store_original(store, key, body(data)))
        assert not (tmp_path / "body").exists()
        assert store.get(key)[1] == data
    assert outcomes == ["created", "unchanged", "replaced", "unchanged", "replaced"]
    versions = store.versions(key)
    assert [version.metadata["sha256"] for version in versions] == [sha256(b"one"), sha256(b"two"), sha256(b"one")]
    assert versions[0] == store.head(key)
    assert versions[0].metadata == {"calling-ae": "CT1", "sha256": sha256(b"one")}
    assert versions[0].content_type == "application/dicom"


def test_an_original_that_was_deleted_can_be_created_again(store: ObjectStore, folder: str) -> None:
    assert store_original(store, folder + "a.dcm", b"one") == "created"
    store.delete(folder + "a.dcm")
    with pytest.raises(ObjectNotFound):
        store.head(folder + "a.dcm")
    assert store_original(store, folder + "a.dcm", b"one") == "created"


def test_the_start_of_an_object_comes_with_what_is_known_of_it(store: ObjectStore, folder: str) -> None:
    for body in (b"", b"01234", b"0123456789"):
        store.put(folder + "a", body, content_type="text/plain", metadata={"name": "ç"})
        assert store.read_start(folder + "a", 5) == (store.head(folder + "a"), body[:5])
    with pytest.raises(ObjectNotFound):
        store.read_start(folder + "missing", 5)


def test_a_retired_original_is_away_and_comes_back_as_it_was(store: ObjectStore, folder: str) -> None:
    key = folder + "1.2.3.dcm"
    for data in (b"one", b"two"):
        store_original(store, key, data)
    before = store.head(key)
    store.retire([key, folder + "never.dcm"])
    store.retire([key])
    assert list(store.scan(folder)) == []
    assert [each.metadata["sha256"] for each in store.versions(key)] == [sha256(b"two"), sha256(b"one")]
    store.restore(key)
    store.restore(key)
    info, body = store.get(key)
    assert body == b"two"
    assert (info.metadata, info.content_type) == (before.metadata, before.content_type)
    store.retire([key])
    assert store_original(store, key, b"two") == "created"
    store.restore(key)
    assert store.get(key)[1] == b"two"


def test_a_purged_original_is_gone_with_all_its_versions(store: ObjectStore, folder: str) -> None:
    key, other = folder + "1.2.3.dcm", folder + "1.2.3.dcm.dcm"
    for data in (b"one", b"two"):
        store_original(store, key, data)
    store_original(store, other, b"other")
    assert not store.purge(key)  # it is current
    store.retire([key])
    store_original(store, key, b"again")
    assert not store.purge(key)
    assert store.get(key)[1] == b"again"
    store.retire([key])
    assert store.purge(key)
    assert store.purge(key)
    assert store.versions(key) == []
    with pytest.raises(ObjectNotFound):
        store.restore(key)
    assert store.get(other)[1] == b"other"


def test_scan_and_delete_prefix(store: ObjectStore, folder: str) -> None:
    keys = ["a-b", "a.b", "a/b", "a/c/d", "ab", "b", "ç", "z/z"]
    for key in reversed(keys):
        store.put(folder + key, key.encode())
    assert [info.key for info in store.scan(folder)] == sorted((folder + key for key in keys), key=str.encode)
    assert [info.size_bytes for info in store.scan(folder + "a/c")] == [5]
    assert [info.key for info in store.scan(folder + "a")] == [
        folder + key for key in ("a-b", "a.b", "a/b", "a/c/d", "ab")
    ]
    assert list(store.scan(folder + "nothing/there")) == []
    assert {info.etag for info in store.scan(folder + "b")} == {store.head(folder + "b").etag}
    assert store.delete_prefix(folder + "a") == 5
    assert [info.key for info in store.scan(folder)] == [folder + key for key in ("b", "z/z", "ç")]
    assert store.delete_prefix(folder + "a") == 0
    with pytest.raises(BadRequest):
        store.delete_prefix("")


BAD_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\0b", "a\nb", "\ud800", "a" * 256]
BAD_KEYS.append("/".join(["a" * 200] * 6))


@pytest.mark.parametrize("key", BAD_KEYS)
def test_keys_that_no_store_should_hold(store: ObjectStore, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put(key, b""),
        lambda: store.store_original(key, b"", sha256=sha256(b""), metadata={}),
        lambda: store.get(key),
        lambda: store.read(key, 0, 1),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.read_start(key, 1),
        lambda: store.retire([key]),
        lambda: store.restore(key),
        lambda: store.purge(key),
        lambda: store.versions(key),
        lambda: store.presign_get(key, expires_s=60, content_type="text/plain"),
        lambda: store.presign_post(key, expires_s=60, least_bytes=0, most_bytes=1),
    ]
    for call in calls:
        with pytest.raises(BadRequest) as raised:
            call()
        assert raised.value.field == "key"


@pytest.mark.parametrize(
    "metadata", [{"Upper": "x"}, {"": "x"}, {"ü": "x"}, {"a b": "x"}, {"a": "x" * 2048}, {"a": "ü" * 342}]
)
def test_metadata_that_no_store_should_hold(store: ObjectStore, folder: str, metadata: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        store.put(folder + "a", b"", metadata=metadata)


def test_the_largest_metadata(store: ObjectStore, folder: str) -> None:
    metadata = {"a": '"' * 682}
    store.put(folder + "a", b"", metadata=metadata)
    assert store.head(folder + "a").metadata == metadata


PARTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=20
)
KEYS = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)
METADATA = st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True), st.text(max_size=30), max_size=3)


@settings(max_examples=40, deadline=None)
@given(key=KEYS, body=st.binary(max_size=300), metadata=METADATA)
def test_any_key_body_and_metadata_come_back(
    store: ObjectStore, key: str, body: bytes, metadata: dict[str, str]
) -> None:
    key = f"{uuid.uuid4().hex}/{key}"
    store.put(key, body, metadata=metadata)
    info, found = store.get(key)
    assert (info.key, found, info.metadata) == (key, body, metadata)
    assert [each.key for each in store.scan(key)] == [key]


def test_s3_stores_a_new_original_with_one_request(s3_store: S3Store, client: Any, folder: str) -> None:
    requests: list[str] = []

    def count(request: Any, **_: Any) -> None:
        requests.append(request.method)

    client.meta.events.register("before-send.s3", count)
    try:
        store_original(s3_store, folder + "a.dcm", b"x" * 500_000)
    finally:
        client.meta.events.unregister("before-send.s3", count)
    assert requests == ["PUT"]


def test_s3_stores_large_files_in_parts(s3_store: S3Store, folder: str, tmp_path: Path) -> None:
    outcomes = []
    for last in (b"1", b"1", b"2"):
        file = tmp_path / "large"
        with file.open("wb") as writing:
            writing.seek(s3.ONE_PUT_MAX_BYTES)
            writing.write(last)
        digest = sha256(file.read_bytes())
        outcomes.append(s3_store.store_original(folder + "a.dcm", file, sha256=digest, metadata={}))
        info, body = s3_store.get(folder + "a.dcm")
        assert sha256(body) == info.metadata["sha256"] == digest
        assert not file.exists()
    assert outcomes == ["created", "unchanged", "replaced"]


def test_s3_presigned_url_answers_with_the_type_asked_for(s3_store: S3Store, folder: str) -> None:
    s3_store.put(folder + "ö?&.bin", b"bytes")
    url = s3_store.presign_get(folder + "ö?&.bin", expires_s=60, content_type="audio/webm")
    with urllib.request.urlopen(url) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"bytes", "audio/webm")


def test_s3_takes_the_file_of_a_presigned_form(s3_store: S3Store, folder: str) -> None:
    made = s3_store.presign_post(folder + "ö?&.bin", expires_s=60, least_bytes=5, most_bytes=9)
    body, content_type = encode_multipart_formdata({**made.fields, "file": ("bytes.bin", b"bytes")})
    asked = urllib.request.Request(made.url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 204
    assert s3_store.get(folder + "ö?&.bin")[1] == b"bytes"
    # moto looks at no policy; S3 does.
    policy = json.loads(base64.b64decode(made.fields["policy"]))
    assert ["content-length-range", 5, 9] in policy["conditions"]
    assert {"key": folder + "ö?&.bin"} in policy["conditions"]


def test_s3_that_does_not_answer_is_unavailable(client: Any, aws_client: AwsClient) -> None:
    with pytest.raises(StoreUnavailable):
        S3Store("no-such-bucket", client).put("a", b"")
    nobody = aws_client("s3")
    nobody.meta.events.register("before-send.s3", refuse_connection)
    with pytest.raises(StoreUnavailable):
        S3Store("bucket", nobody).head("a")


def refuse_connection(**_: Any) -> None:
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="nowhere")


def test_directory_presigned_url_is_good_for_one_object_type_and_time(directory: DirectoryStore, folder: str) -> None:
    directory.put(folder + "ö?&.bin", b"bytes")
    url = directory.presign_get(folder + "ö?&.bin", expires_s=60, content_type="audio/webm")
    parts = urlsplit(url)
    assert url.startswith("http://here/objects/originals/")
    key = unquote(parts.path.removeprefix("/objects/originals/"))
    query = {name: value for name, (value,) in parse_qs(parts.query).items()}
    good = (key, int(query["expires"]), query["content_type"], query["signature"])
    directory.presigner.verify("GET", *good)
    assert [path.read_bytes() for path, _, _ in directory.stretches(key, 0, 5)] == [b"bytes"]
    for position, other in enumerate((folder + "other", good[1] + 1, "text/html", "é" * 64)):
        with pytest.raises(Forbidden):
            changed: list[Any] = [*good]
            changed[position] = other
            directory.presigner.verify("GET", *changed)
    over = directory.presign_get(key, expires_s=-1, content_type="audio/webm")
    query = {name: value for name, (value,) in parse_qs(urlsplit(over).query).items()}
    with pytest.raises(Forbidden):
        directory.presigner.verify("GET", key, int(query["expires"]), query["content_type"], query["signature"])


def test_directory_stretches_of_nothing(directory: DirectoryStore, folder: str) -> None:
    directory.put(folder + "a/b", b"")
    for key in (folder + "a", folder + "missing"):
        with pytest.raises(ObjectNotFound):
            directory.stretches(key, 0, 1)


def test_directory_takes_no_object_below_another(directory: DirectoryStore, folder: str) -> None:
    directory.put(folder + "a/b", b"")
    for key in (folder + "a", folder + "a/b/c"):
        with pytest.raises(BadRequest):
            directory.put(key, b"")
        with pytest.raises(BadRequest):
            store_original(directory, key, b"")
    assert [info.key for info in directory.scan(folder)] == [folder + "a/b"]
