"""Where do objects lie on one machine? In one tree of plain files that any number of processes may use at once.

    objects/<key>              the current objects; type, encoding, metadata and etag in one extended attribute
    versions/<key>/<time>      originals that were replaced by other bytes
    links/<key>/<number>       the originals of which an object is composed
    incoming/                  files on their way, where nobody looks for objects
    locks/                     a fixed set of lock files, one of which guards a key

What is durable is synced with its folder and the folders that were made for it; file systems with a journal keep
the order of such changes, so a folder that another process has just made is on the disk no later than ours.
An original whose event is in the journal is read-only; one that is not gets its event when it is sent again.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from pacs.errors import BadRequest, ObjectNotFound, PacsError, StoreUnavailable
from pacs.local.composing import Composition, Stretch, cut, read_through, stretches_of
from pacs.local.events import StoreJournal, created_event
from pacs.local.files import (
    ATTRIBUTE,
    Attributes,
    colliding,
    describe,
    digest,
    make_folder,
    opened,
    read_at,
    unavailable,
)
from pacs.local.presigning import Presigner
from pacs.local.staging import Staged, is_marked, mark, sweep, sync_folder
from pacs.objects import Piece, check_key, check_prefix, encode_metadata
from pacs.ports import ObjectInfo, Outcome, PresignedPost

EVENT_SUFFIX = ".dcm"
LOCKS = 256
FOLDER_ATTEMPTS = 100  # a folder may vanish again under us when its last object is deleted


class DirectoryStore:
    """An ObjectStore in a folder. `durable=False` is for what can be rebuilt: a power failure may take it.

    Raises StoreUnavailable when the folder cannot be made.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        journal: StoreJournal | None,
        url_base: str,
        url_key: bytes,
        durable: bool = True,
    ) -> None:
        self.name = name
        self.presigner = Presigner(url_base, name, url_key)
        self._journal = journal
        self._durable = durable
        self._objects, self._versions = root / "objects", root / "versions"
        self._incoming, self._locks, self._links = root / "incoming", root / "locks", root / "links"
        with unavailable():
            for folder in (self._objects, self._versions, self._incoming, self._locks, self._links):
                folder.mkdir(parents=True, exist_ok=True)
            sweep(self._incoming)

    def put(
        self,
        key: str,
        body: bytes | Path,
        *,
        content_type: str = ObjectInfo.content_type,
        content_encoding: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        attributes = Attributes(digest(body)[:32], content_type, content_encoding, encode_metadata(metadata or {}))
        self._put(key, body, attributes, durable=self._durable)
        return attributes.etag

    def store_original(self, key: str, body: bytes | Path, *, sha256: str, metadata: Mapping[str, str]) -> Outcome:
        check_key(key)
        encoded = encode_metadata({**metadata, "sha256": sha256})
        with unavailable(), colliding():
            if self._has_already(key, sha256):
                if isinstance(body, Path):
                    body.unlink()
                return "unchanged"
            with Staged(self._incoming, body, consume=True) as staged:
                attributes = Attributes(sha256[:32], "application/dicom", "", encoded)
                staged.seal(ATTRIBUTE, attributes.to_bytes(), durable=True)
                outcome = self._place_original(staged, key, sha256)
                if outcome != "unchanged":
                    self._announce(key, staged.fd, attributes.etag)
        return outcome

    def compose(self, key: str, pieces: Iterable[Piece], *, originals: Self, content_type: str) -> int:
        # The object is found, if empty, before it has links: what a killed process leaves expires, too.
        self._put(key, b"", Attributes(secrets.token_hex(16), content_type, "", {}), durable=False)
        links = self._links / key
        try:
            with unavailable(), Staged(self._incoming, b"", consume=False) as staged:
                links.mkdir(parents=True)
                composed = Composition(staged.fd, links, originals._objects).write(pieces)
                attributes = Attributes(secrets.token_hex(16), content_type, "", {}, composed)
                staged.seal(ATTRIBUTE, attributes.to_bytes(), durable=False)
                self._move(staged.replace, self._objects / key, durable=False)
        except BaseException:
            self.delete(key)
            raise
        return composed[0]

    def get(self, key: str) -> tuple[ObjectInfo, bytes]:
        with unavailable(), self._found(key) as fd:
            info = describe(key, fd)
            return info, self._read(key, fd, 0, info.size_bytes)

    def read(self, key: str, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0:
            raise BadRequest("a range starts at 0 or later and has a length", field="range")
        with unavailable(), self._found(key) as fd:
            return self._read(key, fd, offset, length)

    def read_start(self, key: str, length: int) -> tuple[ObjectInfo, bytes]:
        with unavailable(), self._found(key) as fd:
            return describe(key, fd), self._read(key, fd, 0, length)

    def head(self, key: str) -> ObjectInfo:
        with unavailable(), self._found(key) as fd:
            return describe(key, fd)

    def delete(self, key: str) -> None:
        check_key(key)
        with unavailable(), self._locked(key):
            if self._remove(self._objects / key):
                shutil.rmtree(self._links / key, ignore_errors=True)

    def delete_prefix(self, prefix: str) -> int:
        if not prefix:
            raise BadRequest("the prefix of what is deleted must not be empty", field="prefix")
        count = 0
        for info in self.scan(prefix):
            self.delete(info.key)
            count += 1
        return count

    def expire(self, prefix: str, before: datetime) -> int:
        expired = [info.key for info in self.scan(prefix) if info.last_modified < before]
        for key in expired:
            self.delete(key)
        return len(expired)

    def scan(self, prefix: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        folder, slash, start = prefix.rpartition("/")
        return self._walk(folder + slash, start)

    def versions(self, key: str) -> list[ObjectInfo]:
        check_key(key)
        found = {}
        with unavailable(), suppress(FileNotFoundError):
            for path in self._kept(key):
                with opened(path) as fd:
                    found[os.fstat(fd).st_ino] = describe(key, fd)
        with unavailable(), suppress(ObjectNotFound), self._found(key) as fd:
            # After a crash between keeping and replacing, the current one stands among the kept ones too.
            found.pop(os.fstat(fd).st_ino, None)
            found[os.fstat(fd).st_ino] = describe(key, fd)
        return list(reversed(found.values()))

    def retire(self, keys: Sequence[str]) -> None:
        for key in keys:
            check_key(key)
        for key in keys:
            with unavailable(), self._locked(key):
                if self._keep_version(key):
                    self._remove(self._objects / key)

    def restore(self, key: str) -> None:
        check_key(key)
        with unavailable(), self._locked(key):
            if (self._objects / key).is_file():
                return
            kept = self._kept(key)
            if not kept:
                raise ObjectNotFound("no version of this object is kept")
            with suppress(FileExistsError):  # received again in this moment
                self._move(lambda name: os.link(kept[-1], name), self._objects / key, durable=True)

    def purge(self, key: str) -> bool:
        check_key(key)
        with unavailable(), self._locked(key):
            if (self._objects / key).is_file():
                return False
            for path in self._kept(key):
                self._remove(path)
            return True

    def presign_get(self, key: str, *, expires_s: int, content_type: str) -> str:
        check_key(key)
        return self.presigner.get(key, expires_s=expires_s, content_type=content_type)

    def presign_post(self, key: str, *, expires_s: int, least_bytes: int, most_bytes: int) -> PresignedPost:
        check_key(key)
        return self.presigner.post(key, expires_s=expires_s, least_bytes=least_bytes, most_bytes=most_bytes)

    def stretches(self, key: str, offset: int, length: int) -> list[tuple[Path, int, int]]:
        """In which files a range of an object lies, to send it from there. Raises ObjectNotFound."""
        with unavailable(), self._found(key) as fd:
            found = cut(self._stretches(key, fd), offset, length)
            return [(Path(path), start, size) for path, start, size in found]

    def _put(self, key: str, body: bytes | Path, attributes: Attributes, *, durable: bool) -> None:
        check_key(key)
        with unavailable(), Staged(self._incoming, body, consume=False) as staged:
            staged.seal(ATTRIBUTE, attributes.to_bytes(), durable=durable)
            with colliding():
                self._move(staged.replace, self._objects / key, durable=durable)

    @contextmanager
    def _found(self, key: str) -> Iterator[int]:
        check_key(key)
        try:
            with opened(self._objects / key) as fd:
                yield fd
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise self._missing(key) from error

    def _read(self, key: str, fd: int, offset: int, length: int) -> bytes:
        if Attributes.of(fd).composed is None:
            return read_at(fd, offset, length)
        return read_through(self._stretches(key, fd), offset, length)

    def _stretches(self, key: str, fd: int) -> list[Stretch]:
        return stretches_of(fd, str(self._objects / key), self._links / key)

    def _missing(self, key: str) -> PacsError:
        """What it means that a key is not found: a store whose disk is away must not pass for an empty one.

        Nor one whose disk has just come back: what is there now was not missing.
        """
        if self._objects.is_dir() and not (self._objects / key).is_file() and self._objects.is_dir():
            return ObjectNotFound("no such object")
        return StoreUnavailable("the object store is not there")

    def _has_already(self, key: str, sha256: str) -> bool:
        """Whether these bytes are the current object. If so, it is durable and has its event on return."""
        target = self._objects / key
        try:
            with opened(target) as fd:
                attributes = Attributes.of(fd)
                if attributes.metadata.get("sha256") != sha256:
                    return False
                sync_folder(target.parent)
                self._announce(key, fd, attributes.etag)
                return True
        except FileNotFoundError:
            return False

    def _place_original(self, staged: Staged, key: str, sha256: str) -> Outcome:
        target = self._objects / key
        try:
            self._move(staged.place, target, durable=True)
        except FileExistsError:
            pass
        else:
            return "created"
        with self._locked(key):
            # Nobody else replaces or removes it now.
            if self._has_already(key, sha256):
                return "unchanged"
            kept = self._keep_version(key)
            self._move(staged.replace, target, durable=True)
            return "replaced" if kept else "created"

    def _kept(self, key: str) -> list[Path]:
        """The files of the older versions of a key, the newest last."""
        try:
            return sorted(path for path in (self._versions / key).iterdir() if path.is_file())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _keep_version(self, key: str) -> bool:
        """Give the current object, if there is one, a second name among the versions."""
        target = self._objects / key
        try:
            version = self._versions / key / f"{target.stat().st_mtime_ns:020d}"
        except FileNotFoundError:
            return False
        with suppress(FileExistsError):  # it has it already after a crash right here
            self._move(lambda name: os.link(target, name), version, durable=True)
        return True

    def _announce(self, key: str, fd: int, etag: str) -> None:
        if self._journal and key.endswith(EVENT_SUFFIX) and not is_marked(fd):
            self._journal.append(created_event(self.name, key, os.fstat(fd).st_size, etag))
            mark(fd)

    def _move(self, move: Callable[[Path], None], target: Path, *, durable: bool) -> None:
        changed = [target.parent]
        for attempt in range(FOLDER_ATTEMPTS):
            try:
                move(target)
                break
            except FileNotFoundError:
                if attempt == FOLDER_ATTEMPTS - 1:
                    raise
                changed += make_folder(target.parent)
        if durable:
            for folder in changed:
                sync_folder(folder)

    def _remove(self, target: Path) -> bool:
        """Whether there was such a file; folders that are empty now go with it."""
        try:
            target.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        if self._durable:
            sync_folder(target.parent)
        for folder in target.parents:
            if folder in (self._objects, self._versions):
                break
            try:
                folder.rmdir()
            except OSError:
                break
        return True

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        number = hashlib.blake2b(key.encode(), digest_size=4).digest()[0] % LOCKS
        with (self._locks / f"{number:02x}").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _walk(self, folder: str, start: str = "") -> Iterator[ObjectInfo]:
        names = []
        if not self._objects.is_dir():
            raise StoreUnavailable("the object store is not there")
        with (
            unavailable(),
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self._objects / folder) as found,
        ):
            # As S3 lists them: by the bytes of the whole key, in which a folder's name ends with a slash.
            names = sorted((entry.name + "/" * entry.is_dir() for entry in found), key=str.encode)
        for name in names:
            if not name.startswith(start):
                continue
            if name.endswith("/"):
                yield from self._walk(folder + name)
            else:
                with suppress(ObjectNotFound):  # deleted since
                    yield self.head(folder + name)
