"""Where do secrets of others lie in the cloud? In Secrets Manager, each on its own below the stage's prefix."""

import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pacs.aws.translation import translated
from pacs.errors import NotFound, PacsError
from pacs.ports import vault_name

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_S = 60
MISSING: dict[str, type[PacsError]] = {"ResourceNotFoundException": NotFound}


class SecretsManagerVault:
    """Secrets by name below a prefix (`pacs-prod-vault/`), encrypted with one key; read again after a minute."""

    def __init__(self, prefix: str, key_arn: str, client: "SecretsManagerClient") -> None:
        self._prefix = prefix
        self._key_arn = key_arn
        self._client = client
        self._read: dict[str, tuple[float, str]] = {}

    def read(self, name: str) -> str:
        until, secret = self._read.get(name, (0.0, ""))
        if time.monotonic() < until:
            return secret
        try:
            with translated("the vault", missing=MISSING):
                secret = self._client.get_secret_value(SecretId=self._id(name))["SecretString"]
        except NotFound:
            secret = ""
        self._read[name] = (time.monotonic() + CACHE_S, secret)
        return secret

    def keep(self, name: str, secret: str) -> None:
        self._read.pop(name, None)
        with translated("the vault", missing=MISSING):
            try:
                self._client.put_secret_value(SecretId=self._id(name), SecretString=secret)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                self._client.create_secret(Name=self._id(name), SecretString=secret, KmsKeyId=self._key_arn)

    def forget(self, name: str) -> None:
        self._read.pop(name, None)
        try:
            with translated("the vault", missing=MISSING):
                self._client.delete_secret(SecretId=self._id(name), ForceDeleteWithoutRecovery=True)
        except NotFound:
            return

    def _id(self, name: str) -> str:
        return self._prefix + vault_name(name)
