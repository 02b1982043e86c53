"""Which pictures are ready before somebody asks? Those of hot studies, for some time. Called by deriver and crons.
What lies in the exchange store is there to be fetched: answers go sooner, recordings and results of jobs later.

Frames are as big as the originals, and most are looked at in the days after their study. Source: ADR 12.
"""

from datetime import date, timedelta

from pacs.ports import Services

KINDS = ("frames/", "thumbnails/", "video/")
EXCHANGED = ("audio/", "exports/", "reports/")
ANSWERS = "responses/"
ANSWERS_LIFE = timedelta(days=1)


def is_hot(services: Services, study_date: str | None) -> bool:
    """Whether frames are prepared of a study of this date (YYYYMMDD); of one without a date that can be read, too."""
    days = services.settings.derived_days
    try:
        taken = date.fromisoformat(study_date or "")
    except ValueError:
        return True
    return not days or taken >= services.clock.now().date() - timedelta(days=days)


def expire_objects(services: Services) -> dict[str, int]:
    """Remove the pictures, answers and results whose time is over. In the cloud the buckets do so by themselves."""
    now, days = services.clock.now(), services.settings.derived_days
    expired = services.exchange.expire(ANSWERS, now - ANSWERS_LIFE)
    for kind in EXCHANGED:
        expired += services.exchange.expire(kind, now - timedelta(days=services.settings.exchange_days))
    for kind in KINDS if days else ():
        expired += services.derived.expire(kind, now - timedelta(days=days))
    return {"expired": expired}
