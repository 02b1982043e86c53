"""What both vaults must do: the file of one machine, and Secrets Manager (moto's server)."""

import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs.aws.vault import SecretsManagerVault
from pacs.errors import BadRequest, Unavailable
from pacs.local.vault import VaultFile
from pacs.ports import Vault

AwsClient = Callable[[str], Any]
NAME = "ai/4b7e0a52-7a3e-4a58-9d92-1a3b8c6f1c11/rai-llm"


@pytest.fixture(params=["file", "secrets manager"])
def vault(request: pytest.FixtureRequest, tmp_path: Path, aws_client: AwsClient) -> Vault:
    if request.param == "file":
        return VaultFile(tmp_path / "home" / "vault.json")
    key_arn = aws_client("kms").create_key()["KeyMetadata"]["Arn"]
    return SecretsManagerVault(f"pacs-{uuid.uuid4().hex[:8]}-vault/", key_arn, aws_client("secretsmanager"))


def test_a_secret_is_kept_replaced_and_forgotten(vault: Vault) -> None:
    assert vault.read(NAME) == ""
    vault.keep(NAME, "first")
    assert vault.read(NAME) == "first"
    vault.keep(NAME, "second")
    assert vault.read(NAME) == "second"
    assert vault.read(NAME.replace("rai-llm", "openai")) == ""
    vault.forget(NAME)
    vault.forget(NAME)
    assert vault.read(NAME) == ""


@pytest.mark.parametrize("name", ["", "a b", "../etc", "ai//x", "x" * 65])
def test_what_is_no_name_is_refused(vault: Vault, name: str) -> None:
    with pytest.raises(BadRequest):
        vault.keep(name, "secret")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    VaultFile(tmp_path / "vault.json").keep(NAME, "secret")
    assert stat.S_IMODE((tmp_path / "vault.json").stat().st_mode) == 0o600


def test_a_vault_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        VaultFile(tmp_path / "file" / "vault.json").keep(NAME, "secret")
