"""With which keys are tokens signed and secrets sealed in the cloud? With those of one secret in Secrets Manager.

Its format is that of the file on one machine: {audience: [{kid, secret (base64url)}, …]}, the signing key first.
"""

import base64
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs.aws.translation import translated
from pacs.errors import NotConfigured
from pacs.ports import SEALING, Audience, SigningKey

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_S = 300


def text_of(arn: str, client: "SecretsManagerClient") -> str:
    """What a secret that is one text holds. Raises NotConfigured, Unavailable."""
    with translated("a secret that a setting names", missing={"ResourceNotFoundException": NotConfigured}):
        return client.get_secret_value(SecretId=arn)["SecretString"].strip()


class SecretsManagerSecrets:
    """Keys in a secret, read again after five minutes: let a new key verify before it signs."""

    def __init__(self, arn: str, client: "SecretsManagerClient") -> None:
        self._arn = arn
        self._client = client
        self._keys: dict[str, list[dict[str, str]]] = {}
        self._read_again_at = 0.0

    def signing_keys(self, audience: Audience) -> Sequence[SigningKey]:
        return self._ring(audience)

    def sealing_keys(self) -> Sequence[SigningKey]:
        return self._ring(SEALING)

    def _ring(self, name: str) -> Sequence[SigningKey]:
        if time.monotonic() >= self._read_again_at:
            self._keys = self._read()
            self._read_again_at = time.monotonic() + CACHE_S
        keys = self._keys.get(name)
        if not keys:
            raise NotConfigured(f"there is no key for {name}", field="signing_keys")
        return [SigningKey(key["kid"], base64.urlsafe_b64decode(key["secret"] + "==")) for key in keys]

    def _read(self) -> Any:
        with translated("the secret of the signing keys", missing={"ResourceNotFoundException": NotConfigured}):
            return json.loads(self._client.get_secret_value(SecretId=self._arn)["SecretString"])
