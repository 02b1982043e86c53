"""Where do secrets of others lie on one machine? In a file that only its owner reads; in the cloud: `aws.vault`."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs.errors import Unavailable
from pacs.local.secrets import write_private
from pacs.ports import vault_name


class VaultFile:
    """Secrets by name in one file of JSON. Read each time: whoever keeps one elsewhere is heard at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> str:
        try:
            return self._load().get(vault_name(name), "")
        except OSError as error:
            raise Unavailable(f"the vault cannot be read: {error.strerror}") from error

    def keep(self, name: str, secret: str) -> None:
        with self._changing() as secrets:
            secrets[vault_name(name)] = secret

    def forget(self, name: str) -> None:
        with self._changing() as secrets:
            secrets.pop(vault_name(name), None)

    def _load(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        return found

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """The secrets, to be changed; written back whole, and one process after the other."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(self._path.name + ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                secrets = self._load()
                yield secrets
                write_private(self._path, json.dumps(secrets, indent=1))
        except OSError as error:
            raise Unavailable(f"the vault cannot be written: {error.strerror}") from error
