"""How does a press of the button become a draft? The one job of a worker of the queue. Called by functions/ai_jobs.

A worker may die at any moment, and another one goes on: a draft that was answered is kept before its row is written, so
that nobody is asked, and paid, twice for it.
"""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from pacs.ai.alerting import alert
from pacs.ai.context import case_of
from pacs.ai.drafts import Drafted, is_critical
from pacs.ai.holding import Held, claim, holder_of, renewed
from pacs.ai.jobs import GAVE_UP, MOST_TRIES
from pacs.ai.keeping import RESULT, Document, read_document, write_document
from pacs.ai.orchestrating import Answered, Attempt, Cancelled, answer
from pacs.ai.providers import ORCHESTRATOR
from pacs.ai.sending import NothingToShow, Sending
from pacs.ai.usage import About
from pacs.errors import NobodyAnswered, NotConfigured, NotFound, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Services, Statements
from pacs.reading.work import set_urgent

# Of the 900 s that a call of the function may take.
LONGEST = timedelta(seconds=700)
PAUSES_S = 0.2, 2.0
MAIL_PAUSES_S = (2.0, 10.0, 0.0)
NOT_TOLD = "NOT_TOLD"  # the draft is there, but nobody could be sent an e-mail of its critical finding
NOBODY_ANSWERED, STUDY_GONE, NO_IMAGES, TOO_LONG = "NOBODY_ANSWERED", "STUDY_GONE", "NO_IMAGES", "TOO_LONG"

Wait = Callable[[float], None]

KEEP = text(
    "insert into ai_report_drafts (id, organization_id, study_instance_uid, job_id, provider, model, preset, language,"
    " document, images, critical, cost, created_at) values (cast(:id as uuid), cast(:organization_id as uuid), :study,"
    " cast(:job as uuid), :provider, :model, :preset, :language, cast(:document as jsonb), cast(:images as jsonb),"
    " :critical, cast(:cost as numeric), :now) on conflict (job_id) do nothing returning id"
)


def work(services: Services, organization_id: str, job_id: str, *, fresh: bool = True, wait: Wait = time.sleep) -> None:
    """Work on a job, unless another one does, or it has ended. Safe to repeat. Raises what is to be tried again.

    `fresh`: somebody has asked just now, or has put it back to work; it is tried however often it was before.
    """
    held = take(services, organization_id, job_id, fresh, wait)
    if held is None:
        return
    with renewed(held):
        try:
            finish(held, result_of(held, wait), wait)
        except NobodyAnswered as error:
            fail(held, reason_of(held, error.attempts), error.attempts)
        except Cancelled as error:
            if services.clock.now() - held.since > LONGEST:
                fail(held, TOO_LONG, error.attempts)
        except NothingToShow:
            fail(held, NO_IMAGES)
        except NotFound:
            fail(held, STUDY_GONE)
        except BaseException as error:
            with suppress(PacsError):  # then it is held until that lapses
                leave(held, is_outage=isinstance(error, Unavailable))
            raise


def leave(held: Held, *, is_outage: bool) -> None:
    """Leave a job to the next try, or give it up after the last. An outage is nobody's fault, and takes no try."""
    if is_outage or held.tries < MOST_TRIES:
        held.let_go(counted=not is_outage)
    else:
        fail(held, GAVE_UP)


def take(services: Services, organization_id: str, job_id: str, fresh: bool, wait: Wait) -> Held | None:
    """Hold a job. Of one that seems to be held it is waited whether its holder lives: then it is left to it."""
    seen, pause_s = None, PAUSES_S[0]
    while True:
        held = claim(services, organization_id, job_id, fresh=fresh)
        holder = None if held else holder_of(services, organization_id, job_id)
        if holder is None or seen not in (None, holder):
            return held
        seen = holder
        wait(pause_s)
        pause_s = min(2 * pause_s, PAUSES_S[1])


def result_of(held: Held, wait: Wait) -> Document:
    """What a model has answered; what was answered to one who died is not asked for again."""
    if held.code is None:
        raise NotFound("the study has gone")
    scope = Scope(held.organization_id, "system")
    sending = Sending(held, scope, case_of(held.services, scope, held.code))
    kept = read_document(held.services, sending.folder, RESULT)
    if kept is not None:
        return kept

    def told(attempts: Sequence[Attempt], asked: str) -> None:
        held.attempts = [each.to_json() for each in attempts]

    answered: Answered[Drafted] = answer(
        held.services,
        scope,
        held.provider,
        sending,
        about=About("draft", held.study_instance_uid, held.member_id, held.id),
        needs_vision=held.provider == ORCHESTRATOR,  # who chooses one that sees nothing gets that
        language=held.language,
        still_wanted=lambda: held.renew() and held.services.clock.now() - held.since <= LONGEST,
        told=told,
        wait=wait,
    )
    result = {
        "provider": answered.provider,
        "model": answered.model or answered.drafted.answers[-1].model,
        "document": answered.drafted.document,
        "images": sending.images,
        "cost": None if answered.cost is None else str(answered.cost),
        "attempts": [each.to_json() for each in answered.attempts],
    }
    write_document(held.services, sending.folder, RESULT, result)
    return result


def finish(held: Held, result: Document, wait: Wait) -> None:
    """Write the draft, and end the job. What nobody wants any more is thrown away.

    Of a critical finding the reader is told before the end, so that whoever goes on after a death tells it: of two
    e-mails and none two are better.
    """
    services, held.attempts = held.services, result["attempts"]
    held.images = len(result["images"])
    critical = is_critical(result["document"])
    with services.database.transaction() as statements:
        kept = held.tell("telling", statements) if critical else held.end(statements, "completed", step="done")
        if kept:
            keep(statements, held, result, critical)
    if kept and critical:
        told = tell_readers(held, wait)
        held.end(services.database, "completed", step="done", reason="" if told else NOT_TOLD)


def tell_readers(held: Held, wait: Wait) -> bool:
    """Whether the readers have been told, or nobody sends e-mails here. The study goes before others all the same."""
    for pause_s in MAIL_PAUSES_S:
        try:
            alert(held.services, held)
            return True
        except NotConfigured:
            return True
        except Unavailable:
            wait(pause_s)
    return False


def keep(statements: Statements, held: Held, result: Document, critical: bool) -> None:
    """The row of a draft, once; a study with a critical finding goes before others."""
    row: dict[str, Any] = {
        **{name: result[name] for name in ("provider", "model", "cost")},
        **{name: json.dumps(result[name], ensure_ascii=False) for name in ("document", "images")},
        "id": str(uuid.uuid4()),
        "organization_id": held.organization_id,
        "study": held.study_instance_uid,
        "job": held.id,
        "preset": held.preset,
        "language": held.language,
        "critical": critical,
        "now": held.services.clock.now(),
    }
    if statements.fetch(KEEP, row) and critical and held.code:
        scope, subject = Scope(held.organization_id, "system"), f"ai {result['provider']}: draft {row['id']}"
        set_urgent(held.services, scope, [held.code], True, subject=subject, statements=statements)


def reason_of(held: Held, attempts: Sequence[Attempt]) -> str:
    """Why nobody answered: of one that was chosen by hand its own reason."""
    if held.provider != ORCHESTRATOR and attempts and attempts[-1].why:
        return attempts[-1].why.upper().replace("-", "_")
    return NOBODY_ANSWERED


def fail(held: Held, reason: str, attempts: Sequence[Attempt] | None = None) -> None:
    if attempts is not None:
        held.attempts = [each.to_json() for each in attempts]
    held.end(held.services.database, "failed", reason=reason)
