"""The keys that sign tokens and seal secrets in the cloud: made, rotated, told to the edge. Run by the owner alone.

`uv run --with "botocore[crt]" python -m infra.keys prod` makes what is missing and brings the edge up to date.
A rotation takes two runs: `--prepare launch` adds a key that verifies; `--promote launch`, ten minutes later when
every function has read it, lets it sign, while the one before still verifies. The sealing key stays, for nothing else
opens what it sealed.

`--cron-token ORGANIZATION` (its UUID) prints a token for /api/jobs/ai-provider-health, good for a year, or until the
cron keys have been rotated twice.
"""

import argparse
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from infra.settings import STAGES, Stage
from pacs.local.clock import SystemClock
from pacs.people.scope import Scope
from pacs.people.tokens import Tokens
from pacs.ports import KEY_RINGS, Audience, SigningKey

EDGE_AUDIENCE = "launch"
KEY_BYTES = 32
CRON_TTL_S = 365 * 24 * 3600

KeyRing = dict[str, list[dict[str, str]]]


def new_key() -> dict[str, str]:
    """A key as `pacs.aws.secrets` reads it."""
    return {
        "kid": secrets.token_hex(4),
        "secret": urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("="),
    }


def completed(ring: KeyRing) -> KeyRing:
    """The ring with one key for everything that had none."""
    return {**ring, **{name: [new_key()] for name in KEY_RINGS if not ring.get(name)}}


def prepared(ring: KeyRing, audience: str) -> KeyRing:
    """The signing key, and a new one that only verifies as yet; what verified until now is dropped."""
    return {**ring, audience: [ring[audience][0], new_key()]}


def promoted(ring: KeyRing, audience: str) -> KeyRing:
    """The prepared key signs; the one before verifies. Raises ValueError when none is prepared."""
    if len(ring[audience]) != 2:
        raise ValueError(f"no key is prepared for {audience}: run --prepare {audience} first")
    return {**ring, audience: ring[audience][::-1]}


@dataclass(frozen=True)
class Ring:
    """Keys of a ring, as tokens are signed with them."""

    keys: KeyRing

    def signing_keys(self, audience: Audience) -> list[SigningKey]:
        return [SigningKey(each["kid"], urlsafe_b64decode(each["secret"] + "==")) for each in self.keys[audience]]


def cron_token(ring: KeyRing, organization: str) -> str:
    """A token of a program that starts what the clock would. Raises ValueError for what names no organization."""
    scope = Scope(str(UUID(organization)), "system")
    return Tokens(Ring(ring), SystemClock()).sign(scope, "cron", ttl_s=CRON_TTL_S)


def tell_edge(ring: KeyRing, store_arn: str, store: Any) -> None:
    """Make CloudFront's key-value store hold the launch keys and nothing else, in one update."""
    wanted = {key["kid"]: key["secret"] for key in ring[EDGE_AUDIENCE]}
    etag = store.describe_key_value_store(KvsARN=store_arn)["ETag"]
    held = {item["Key"]: item["Value"] for item in store.list_keys(KvsARN=store_arn)["Items"]}
    puts = [{"Key": kid, "Value": secret} for kid, secret in wanted.items() if held.get(kid) != secret]
    deletes = [{"Key": kid} for kid in held if kid not in wanted]
    if puts or deletes:
        store.update_keys(KvsARN=store_arn, IfMatch=etag, Puts=puts, Deletes=deletes)


def change(ring: KeyRing, arguments: argparse.Namespace) -> KeyRing:
    """The ring as the command line wants it."""
    if arguments.prepare:
        return prepared(ring, arguments.prepare)
    return promoted(ring, arguments.promote) if arguments.promote else completed(ring)


def run(stage: Stage, arguments: argparse.Namespace) -> None:
    import boto3

    vault = boto3.client("secretsmanager", region_name=stage.region)
    secret_id = f"{stage.prefix}signing-keys"
    ring: KeyRing = json.loads(vault.get_secret_value(SecretId=secret_id)["SecretString"])
    if arguments.cron_token:
        print(cron_token(ring, arguments.cron_token))  # noqa: T201
        return
    changed = change(ring, arguments)
    if changed != ring:
        vault.put_secret_value(SecretId=secret_id, SecretString=json.dumps(changed))
    found = boto3.client("cloudfront").describe_key_value_store(Name=f"{stage.prefix}launch-keys")
    tell_edge(changed, found["KeyValueStore"]["ARN"], boto3.client("cloudfront-keyvaluestore"))
    for audience, keys in sorted(changed.items()):
        print(audience, *(key["kid"] for key in keys))  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.keys", description=__doc__)
    parser.add_argument("stage", choices=[stage.name for stage in STAGES])
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--prepare", choices=get_args(Audience))
    step.add_argument("--promote", choices=get_args(Audience))
    step.add_argument("--cron-token", metavar="ORGANIZATION")
    arguments = parser.parse_args()
    run(next(stage for stage in STAGES if stage.name == arguments.stage), arguments)


if __name__ == "__main__":
    main()
