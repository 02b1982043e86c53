"""What did each call of a model take, for whom, and at what price? A row for every call. Written by metering."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import text

from pacs.ai.prices import Price
from pacs.people.scope import Scope
from pacs.ports import Statements, Usage

Purpose = Literal["draft", "health", "test", "evaluation"]
Fault = Literal["refused", "busy", "timeout", "unavailable", "not-configured"]
# What became of a call. Who answered may have answered what is of no use.
Outcome = Literal["answered", Fault]

RECORD = text(
    "insert into ai_usage_events (organization_id, at, purpose, provider, model, member_id, study_instance_uid, job_id,"
    " outcome, tokens_in, tokens_out, tokens_cached, images, seconds, cost, price) values ("
    "cast(:organization_id as uuid), :at, :purpose, :provider, :model, cast(:member_id as uuid), :study_instance_uid,"
    " cast(:job_id as uuid), :outcome, :tokens_in, :tokens_out, :tokens_cached, :images, :seconds,"
    " cast(:cost as numeric), cast(:price as jsonb))"
)


@dataclass(frozen=True)
class About:
    """What calls are for."""

    purpose: Purpose
    study_instance_uid: str | None = None
    member_id: str | None = None
    job_id: str | None = None


@dataclass(frozen=True)
class Event:
    """One call. `cost` is None when nobody knows the price."""

    about: About
    provider: str
    model: str
    outcome: Outcome
    usage: Usage
    cost: Decimal | None
    price: Price | None


def record(statements: Statements, scope: Scope, event: Event, at: datetime) -> None:
    """Keep what a call took, by the price of now."""
    about, usage = event.about, event.usage
    values = {
        "organization_id": scope.organization_id,
        "at": at,
        "purpose": about.purpose,
        "provider": event.provider,
        "model": event.model,
        "member_id": about.member_id or None,
        "study_instance_uid": about.study_instance_uid,
        "job_id": about.job_id,
        "outcome": event.outcome,
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "tokens_cached": usage.tokens_cached,
        "images": usage.images,
        "seconds": usage.seconds,
        "cost": None if event.cost is None else str(event.cost),
        "price": None if event.price is None else event.price.to_json(),
    }
    statements.fetch(RECORD, values)
