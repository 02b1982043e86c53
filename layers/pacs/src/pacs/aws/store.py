"""Where do objects lie in the cloud? In one versioned S3 bucket for each store, encrypted by the bucket's default.

New objects of the originals raise an event from S3 itself.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from pacs.aws.composing import PART_BYTES, PARTS_AT_ONCE, Composer
from pacs.aws.translation import error_code, translated
from pacs.errors import BadRequest, ObjectNotFound, StoreUnavailable
from pacs.objects import Piece, check_key, check_prefix, decode_metadata, encode_metadata
from pacs.ports import ObjectInfo, Outcome, PresignedPost

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

ONE_PUT_MAX_BYTES = 64 << 20
DELETE_BATCH = 1000
WRITE_ATTEMPTS = 5
# 412: the condition does not hold. 409: another writer of the key came first. 404: what had to be there is not.
CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
MISSING = ("NoSuchKey", "NoSuchVersion", "404")


class S3Store:
    """An ObjectStore in a bucket. The bucket of the originals must be versioned."""

    def __init__(self, bucket: str, client: "S3Client") -> None:
        self._bucket = bucket
        self._client = client

    def put(
        self,
        key: str,
        body: bytes | Path,
        *,
        content_type: str = ObjectInfo.content_type,
        content_encoding: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        check_key(key)
        arguments: dict[str, Any] = {"ContentType": content_type, "Metadata": encode_metadata(metadata or {})}
        if content_encoding:
            arguments["ContentEncoding"] = content_encoding
        with translated_s3():
            return self._write(key, body, arguments, {})

    def store_original(self, key: str, body: bytes | Path, *, sha256: str, metadata: Mapping[str, str]) -> Outcome:
        check_key(key)
        arguments: dict[str, Any] = {
            "ContentType": "application/dicom",
            "StorageClass": "INTELLIGENT_TIERING",  # from the start: a later transition costs a request an object
            "Metadata": encode_metadata({**metadata, "sha256": sha256}),
        }
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with translated_s3():
            outcome = self._write_original(key, body, arguments, checksum)
        if isinstance(body, Path):
            body.unlink()
        return outcome

    def compose(self, key: str, pieces: Iterable[Piece], *, originals: Self, content_type: str) -> int:
        check_key(key)
        with translated_s3():
            return Composer(self._client, originals._bucket, self._bucket, key, content_type).write(pieces)

    def get(self, key: str) -> tuple[ObjectInfo, bytes]:
        check_key(key)
        with translated_s3():
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return describe(key, answer), answer["Body"].read()

    def read(self, key: str, offset: int, length: int) -> bytes:
        check_key(key)
        if offset < 0 or length < 0:
            raise BadRequest("a range starts at 0 or later and has a length", field="range")
        if length == 0:
            self.head(key)
            return b""
        wanted = f"bytes={offset}-{offset + length - 1}"
        with translated_s3():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key, Range=wanted)["Body"].read()
            except ClientError as error:
                if error_code(error) == "InvalidRange":
                    return b""
                raise

    def read_start(self, key: str, length: int) -> tuple[ObjectInfo, bytes]:
        check_key(key)
        with translated_s3():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{length - 1}")
            except ClientError as error:
                if error_code(error) == "InvalidRange":  # an empty object has no first byte
                    return self.head(key), b""
                raise
            size_bytes = int(answer["ContentRange"].rpartition("/")[2])
            return describe(key, {**answer, "ContentLength": size_bytes}), answer["Body"].read()

    def head(self, key: str) -> ObjectInfo:
        check_key(key)
        with translated_s3():
            return describe(key, self._client.head_object(Bucket=self._bucket, Key=key))

    def delete(self, key: str) -> None:
        check_key(key)
        with translated_s3():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def delete_prefix(self, prefix: str) -> int:
        if not prefix:
            raise BadRequest("the prefix of what is deleted must not be empty", field="prefix")
        keys = [info.key for info in self.scan(prefix)]
        self._delete_all([{"Key": key} for key in keys])
        return len(keys)

    def expire(self, prefix: str, before: datetime) -> int:
        """Nothing: the bucket's lifecycle has removed them."""
        return 0

    def scan(self, prefix: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return self._list(prefix)

    def versions(self, key: str) -> list[ObjectInfo]:
        check_key(key)
        found = []
        kept, _ = self._kept(key)
        with translated_s3():
            for version in kept:
                answer = self._client.head_object(Bucket=self._bucket, Key=key, VersionId=version["VersionId"])
                found.append(describe(key, answer))
        return found

    def retire(self, keys: Sequence[str]) -> None:
        for key in keys:
            check_key(key)
        self._delete_all([{"Key": key} for key in keys])  # without a version: each gets a delete marker

    def restore(self, key: str) -> None:
        check_key(key)
        kept, _ = self._kept(key)
        if not kept:
            raise ObjectNotFound("no version of this object is kept")
        if kept[0]["IsLatest"]:
            return
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": key, "VersionId": kept[0]["VersionId"]}
        with translated_s3():
            # A copy, for taking the delete marker away needs the right to take away versions, too.
            info = self._client.head_object(Bucket=self._bucket, Key=key, VersionId=kept[0]["VersionId"])
            arguments = {
                "ContentType": info["ContentType"],
                "Metadata": info["Metadata"],
                "MetadataDirective": "REPLACE",
                "StorageClass": "INTELLIGENT_TIERING",
            }
            self._client.copy(source, self._bucket, key, ExtraArgs=arguments)

    def purge(self, key: str) -> bool:
        check_key(key)
        kept, markers = self._kept(key)
        if kept and kept[0]["IsLatest"]:
            return False
        # What is written meanwhile is another version, and stays.
        self._delete_all([{"Key": key, "VersionId": each["VersionId"]} for each in [*kept, *markers]])
        return True

    def presign_get(self, key: str, *, expires_s: int, content_type: str) -> str:
        check_key(key)
        parameters = {"Bucket": self._bucket, "Key": key, "ResponseContentType": content_type}
        with translated_s3():
            return self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_s)

    def presign_post(self, key: str, *, expires_s: int, least_bytes: int, most_bytes: int) -> PresignedPost:
        check_key(key)
        with translated_s3():
            made = self._client.generate_presigned_post(
                self._bucket,
                key,
                Conditions=[["content-length-range", least_bytes, most_bytes]],
                ExpiresIn=expires_s,
            )
        return PresignedPost(made["url"], made["fields"])

    def _kept(self, key: str) -> tuple[list[Any], list[Any]]:
        """The versions of a key, the newest first, and its delete markers."""
        with translated_s3():
            pages = list(self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key))
        versions = [each for page in pages for each in page.get("Versions", []) if each["Key"] == key]
        markers = [each for page in pages for each in page.get("DeleteMarkers", []) if each["Key"] == key]
        return versions, markers

    def _delete_all(self, objects: Sequence[Any]) -> None:
        for start in range(0, len(objects), DELETE_BATCH):
            batch = objects[start : start + DELETE_BATCH]
            with translated_s3():
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                raise StoreUnavailable(f"S3 did not delete {len(errors)} objects: {errors[0].get('Code')}")

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        with translated_s3():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield ObjectInfo(found["Key"], found["Size"], found["ETag"].strip('"'), found["LastModified"])

    def _write_original(self, key: str, body: bytes | Path, arguments: Mapping[str, Any], checksum: str) -> Outcome:
        """One PUT when nothing has the key. Otherwise only what was looked at is replaced, never another's newer.

        Before the many requests of a large file it is worth one to look first.
        """
        look_first = is_large(body)
        etag = ""
        for attempt in range(WRITE_ATTEMPTS):
            if attempt or look_first:
                etag, sha256 = self._current(key)
                if sha256 == arguments["Metadata"]["sha256"]:
                    return "unchanged"
            try:
                self._write(key, body, arguments, {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}, checksum)
                return "replaced" if etag else "created"
            except ClientError as error:
                if error_code(error) not in CONDITION_FAILED:
                    raise
        raise StoreUnavailable("S3: others keep writing the same object")

    def _current(self, key: str) -> tuple[str, str]:
        """ETag (as S3 quotes it) and sha256 of the current object; empty when there is none."""
        try:
            current = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) not in MISSING:
                raise
            return "", ""
        return current["ETag"], current["Metadata"].get("sha256", "")

    def _write(
        self,
        key: str,
        body: bytes | Path,
        arguments: Mapping[str, Any],
        condition: Mapping[str, Any],
        checksum: str = "",
    ) -> str:
        """Returns the ETag without its quotes."""
        if isinstance(body, Path) and is_large(body):
            return self._write_in_parts(key, body, arguments, condition)
        checked: dict[str, Any] = {"ChecksumSHA256": checksum} if checksum else {}
        with ExitStack() as files:
            content = body if isinstance(body, bytes) else files.enter_context(body.open("rb"))
            answer = self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, **arguments, **condition, **checked
            )
        return str(answer["ETag"]).strip('"')

    def _write_in_parts(self, key: str, body: Path, arguments: Mapping[str, Any], condition: Mapping[str, Any]) -> str:
        upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, **arguments)["UploadId"]

        def write_part(number: int) -> Any:
            with body.open("rb") as file:
                file.seek((number - 1) * PART_BYTES)
                data = file.read(PART_BYTES)
            md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=data, ContentMD5=md5
            )
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
                parts = list(pool.map(write_part, range(1, -(-body.stat().st_size // PART_BYTES) + 1)))
            answer = self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
            )
        except BaseException:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            raise
        return str(answer["ETag"]).strip('"')


def is_large(body: bytes | Path) -> bool:
    """Whether a file goes in parts; bytes, which are in memory already, go at once."""
    return isinstance(body, Path) and body.stat().st_size > ONE_PUT_MAX_BYTES


def translated_s3() -> AbstractContextManager[None]:
    return translated("the object store", missing=dict.fromkeys(MISSING, ObjectNotFound), otherwise=StoreUnavailable)


def describe(key: str, answer: Mapping[str, Any]) -> ObjectInfo:
    """What the answer to a GET or HEAD says of an object."""
    return ObjectInfo(
        key=key,
        size_bytes=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        last_modified=answer["LastModified"],
        content_type=answer["ContentType"],
        content_encoding=answer.get("ContentEncoding", ""),
        metadata=decode_metadata(answer["Metadata"]),
    )
