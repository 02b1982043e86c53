"""With which keys are tokens signed and secrets sealed on one machine? With those of a file only its owner reads.

`pacs up` makes it once; the format is that of the secret in the cloud: {audience: [{kid, secret (base64url)}, …]}.
"""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pacs.errors import NotConfigured, Unavailable
from pacs.ports import KEY_RINGS, SEALING, Audience, SigningKey

KEY_BYTES = 32

KeyRing = dict[str, list[dict[str, str]]]


class SecretsFile:
    """Keys in a file. Processes that already run see a change of the file at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], KeyRing] = ((0, 0), {})

    def create(self) -> None:
        """Make the file, or the keys that it lacks; keys that are there stay."""
        with self._changing() as keys:
            for name in KEY_RINGS:
                keys.setdefault(name, [new_key()])

    def rotate(self, audience: Audience) -> SigningKey:
        """A new key signs from now on; the one that signed until now still verifies, older ones no longer."""
        with self._changing() as keys:
            keys[audience] = [new_key(), *keys.get(audience, [])[:1]]
            return signing_key(keys[audience][0])

    def signing_keys(self, audience: Audience) -> Sequence[SigningKey]:
        return self._ring(audience)

    def sealing_keys(self) -> Sequence[SigningKey]:
        return self._ring(SEALING)

    def _ring(self, name: str) -> Sequence[SigningKey]:
        keys = self._load().get(name)
        if not keys:
            raise NotConfigured(f"there is no key for {name}", field="signing_keys")
        return [signing_key(key) for key in keys]

    def _load(self) -> KeyRing:
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns)
            if version != self._read[0]:
                self._read = (version, json.loads(self._path.read_text()))
        except FileNotFoundError as error:
            raise NotConfigured("there are no signing keys: is `pacs up` running?", field="signing_keys") from error
        except OSError as error:
            raise Unavailable(f"the signing keys cannot be read: {error.strerror}") from error
        return self._read[1]

    @contextmanager
    def _changing(self) -> Iterator[KeyRing]:
        """The keys, to be changed; written back whole, and one process after the other."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(self._path.name + ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys: KeyRing = json.loads(self._path.read_text()) if self._path.exists() else {}
                yield keys
                write_private(self._path, json.dumps(keys, indent=1))
        except OSError as error:
            raise Unavailable(f"the signing keys cannot be written: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Replace a file, whole or not at all, by one that only its owner may read."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def new_key() -> dict[str, str]:
    secret = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")
    return {"kid": secrets.token_hex(4), "secret": secret}


def signing_key(key: dict[str, str]) -> SigningKey:
    return SigningKey(key["kid"], base64.urlsafe_b64decode(key["secret"] + "=="))
