"""Does a provider answer? One tiny real request, by the way on which drafts are made. Called by `health_runs`, by the
button of the administration and by `pacs ai`.

No study is sent, so nobody's consent is needed. An answer closes the provider's circuit; a failure opens none.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any, Literal

from pacs.ai import circuits
from pacs.ai.configuring import Configured, configured
from pacs.ai.metering import About, metered
from pacs.ai.patience import OURS, Patient
from pacs.errors import BadRequest, ModelRefused, NotConfigured, OverBudget, PacsError, Unavailable
from pacs.models.answers import document_in
from pacs.models.schemas import fault_of, object_of
from pacs.people.scope import Scope
from pacs.ports import Answer, Describer, Question, Services

Kind = Literal["text", "image"]
Wait = Callable[[float], None]

# Somebody waits for the answer, and API Gateway no longer than 29 seconds.
QUICK_S = 20.0
# Few, but those that think before they speak need some for that.
MOST_TOKENS = 512
SIDE_PX = 256
SYSTEM = "You are asked whether you work. Answer with the JSON object alone."
WORDS: Mapping[Kind, str] = {
    "text": 'Answer {"status": "ready"}.',
    "image": "The image is black, with one white square. On which side is the square? "
    'Answer {"side": "left"} or {"side": "right"}; {"side": "none"} when you see no image.',
}
SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "text": object_of(status={"type": "string"}),
    "image": object_of(side={"type": "string", "enum": ["right", "left", "none"]}),
}
UNSEEN = "sees no image"
STATUS = re.compile(r"HTTP \d{3}")


@dataclass(frozen=True)
class HealthCheck:
    """What came of one request. `failure` is empty when a valid answer came, and tells no address and no key.

    A provider that sees images wrongly is one that works: how good it is `pacs ai eval` tells.
    """

    provider: str
    model: str
    kind: Kind
    failure: str
    latency_ms: int
    cost: Decimal | None
    checked_at: datetime
    run_id: str = ""


@dataclass(frozen=True)
class Asked:
    """One question and what came of it: an answer, or why there is none. `cost` in US dollars, None: nobody knows."""

    answer: Answer | None
    failure: str
    latency_ms: int
    cost: Decimal | None


def check(
    services: Services,
    scope: Scope,
    name: str,
    *,
    kind: Kind,
    within_s: float = QUICK_S,
    patience_s: float = 0,
    wait: Wait = time.sleep,
) -> HealthCheck:
    """Ask a provider, whether it is on or off. `patience_s`: how long one that has to start first is waited for.
    It is counted as a test of the member who asks, or else as health.

    Raises BadRequest for a provider that nobody knows, or that sees no images and is to look at one.
    """
    found = configured(services, scope, name)
    if kind == "image" and not found.provider.vision:
        raise BadRequest(f"{name} sees no images", field="kind")
    images = (picture(),) if kind == "image" else ()
    question = Question(SYSTEM, WORDS[kind], images, SCHEMAS[kind], most_tokens=MOST_TOKENS)
    patient = min(patience_s, found.provider.patience_s)
    hurried = replace(found.provider, timeout_s=min(found.provider.timeout_s, within_s), patience_s=patient)
    about = About("test", member_id=scope.member_id) if scope.member_id else About("health")
    asked = ask(services, scope, replace(found, provider=hurried), question, about, wait)
    failure = asked.failure or fault_in(asked.answer, kind)
    model = found.model or (asked.answer.model if asked.answer else "")
    return HealthCheck(name, model, kind, failure, asked.latency_ms, asked.cost, services.clock.now())


def ask(
    services: Services, scope: Scope, found: Configured, question: Question, about: About, wait: Wait = time.sleep
) -> Asked:
    """Ask a provider once, or until one that has to start first has started; whatever it does wrong is told."""
    if found.missing:
        return Asked(None, f"is not set up: {', '.join(found.missing)}", 0, Decimal(0))
    counted = metered(services, scope, found, about)
    asking: Describer = counted
    if found.provider.patience_s:
        asking = Patient(counted, found.provider, services.clock, wait)
    began, answer, failure = time.perf_counter(), None, ""
    try:
        answer = asking.ask(question)
    except OURS:
        raise
    except PacsError as error:
        failure = failure_of(error)
    else:
        circuits.close(services, scope, found.provider.name)
    return Asked(answer, failure, round((time.perf_counter() - began) * 1000), counted.cost)


def fault_in(answer: Answer | None, kind: Kind) -> str:
    """What is wrong with an answer; empty: nothing."""
    document, fault = document_in(answer.text if answer else "")
    fault = fault or fault_of(document, SCHEMAS[kind])
    if fault:
        return f"answers what is of no use: {fault}"
    return UNSEEN if document.get("side") == "none" else ""


def failure_of(error: PacsError) -> str:
    """An error in few words that are the same each time; of a service's own words nothing."""
    status = f": {found[0]}" if (found := STATUS.search(error.message)) else ""
    if isinstance(error, OverBudget):
        return "has used up its budget"
    if isinstance(error, NotConfigured):
        return faulty_setting(error.field or "") + status
    if isinstance(error, ModelRefused):
        return f"refuses what it is asked{status}"
    if isinstance(error, Unavailable):
        return f"is busy{status}" if status else "does not answer"
    return "cannot be asked"


def faulty_setting(field: str) -> str:
    if field == "price":
        return "has a budget, and nobody knows its price"
    kinds = {"KEY": "does not take the key", "URL": "has nothing there: address or model"}
    return kinds.get(field.rpartition("_")[2], "is not set up")


@cache
def picture() -> bytes:
    """The image that is sent: a white square on the right of a black ground, as JPEG."""
    from PIL import Image  # which only those who send it need

    ground = Image.new("L", (SIDE_PX, SIDE_PX))
    ground.paste(255, (SIDE_PX * 5 // 8, SIDE_PX * 3 // 8, SIDE_PX * 7 // 8, SIDE_PX * 5 // 8))
    made = BytesIO()
    ground.save(made, "JPEG", quality=90)
    return made.getvalue()
