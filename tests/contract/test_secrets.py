"""What both keepers of signing keys must do: the file of one machine, and Secrets Manager (moto's server)."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs.aws.secrets import SecretsManagerSecrets, text_of
from pacs.errors import NotConfigured, Unavailable
from pacs.local.clock import SystemClock
from pacs.local.secrets import SecretsFile
from pacs.ports import Secrets

AwsClient = Callable[[str], Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "secrets.json"


@pytest.fixture(params=["file", "secrets manager"])
def keeper(request: pytest.FixtureRequest, file: Path, aws_client: AwsClient) -> Secrets:
    """A keeper with the keys that the file was made with; there are none for `cron`."""
    SecretsFile(file).create()
    keys = json.loads(file.read_text())
    keys["cron"] = []
    file.write_text(json.dumps(keys))
    if request.param == "file":
        return SecretsFile(file)
    client = aws_client("secretsmanager")
    arn = client.create_secret(Name=uuid.uuid4().hex, SecretString=file.read_text())["ARN"]
    return SecretsManagerSecrets(arn, client)


def test_each_audience_has_a_key_of_its_own(keeper: Secrets) -> None:
    rings = [keeper.signing_keys("session"), keeper.signing_keys("launch"), keeper.signing_keys("share")]
    keys = [key for ring in rings for key in ring]
    assert len(keys) == 3
    assert {len(key.secret) for key in keys} == {32}
    assert len({key.kid for key in keys}) == len({key.secret for key in keys}) == 3
    assert list(keeper.signing_keys("session")) == list(rings[0])


def test_what_seals_has_a_key_of_its_own(keeper: Secrets) -> None:
    [key] = keeper.sealing_keys()
    assert len(key.secret) == 32
    assert key not in (*keeper.signing_keys("session"), *keeper.signing_keys("launch"))


def test_an_audience_without_keys_is_not_configured(keeper: Secrets) -> None:
    with pytest.raises(NotConfigured):
        keeper.signing_keys("cron")


def test_secrets_that_are_not_there(file: Path, aws_client: AwsClient) -> None:
    with pytest.raises(NotConfigured):
        SecretsFile(file).signing_keys("session")
    with pytest.raises(NotConfigured):
        SecretsManagerSecrets("no-such-secret", aws_client("secretsmanager")).signing_keys("session")


def test_the_file_is_made_once_and_only_its_owner_reads_it(file: Path) -> None:
    secrets = SecretsFile(file)
    secrets.create()
    made = file.read_text()
    SecretsFile(file).create()
    assert file.read_text() == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(secrets.signing_keys(audience) for audience in ("session", "launch", "share", "cron"))


def test_rotation_keeps_the_previous_key_and_is_seen_by_others_at_once(file: Path) -> None:
    SecretsFile(file).create()
    other = SecretsFile(file)
    first = other.signing_keys("launch")[0]
    session = other.signing_keys("session")
    second = SecretsFile(file).rotate("launch")
    assert other.signing_keys("launch") == [second, first]
    third = SecretsFile(file).rotate("launch")
    assert other.signing_keys("launch") == [third, second]
    assert other.signing_keys("session") == session


def test_a_file_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        SecretsFile(tmp_path / "file" / "secrets.json").create()


def test_secrets_manager_is_asked_once_in_five_minutes(file: Path, aws_client: AwsClient) -> None:
    SecretsFile(file).create()
    client = aws_client("secretsmanager")
    arn = client.create_secret(Name=uuid.uuid4().hex, SecretString=file.read_text())["ARN"]
    requests: list[str] = []
    client.meta.events.register("before-send.secretsmanager", lambda request, **_: requests.append(request.url))
    secrets = SecretsManagerSecrets(arn, client)
    for _ in range(3):
        secrets.signing_keys("session")
    assert len(requests) == 1


def test_the_clock_is_aware_and_in_utc() -> None:
    offset = SystemClock().now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0


def test_a_key_of_a_model_is_a_secret_that_is_one_text(aws_client: AwsClient) -> None:
    client = aws_client("secretsmanager")
    arn = client.create_secret(Name=uuid.uuid4().hex, SecretString="sk-key\n")["ARN"]
    assert text_of(arn, client) == "sk-key"
    with pytest.raises(NotConfigured):
        text_of("no-such-secret", client)
