"""Which pictures are ready before somebody asks? Those of hot studies, for some time. Called by deriver and crons.

Frames are as big as the originals, and most are looked at in the days after their study. Source: ADR 12.
"""

from datetime import date, timedelta

from pacs.ports import Services

KINDS = ("frames/", "thumbnails/", "video/")


def is_hot(services: Services, study_date: str | None) -> bool:
    """Whether frames are prepared of a study of this date (YYYYMMDD); of one without a date that can be read, too."""
    days = services.settings.derived_days
    try:
        taken = date.fromisoformat(study_date or "")
    except ValueError:
        return True
    return not days or taken >= services.clock.now().date() - timedelta(days=days)


def expire_derived(services: Services) -> dict[str, int]:
    """Remove the pictures whose time is over. In the cloud the bucket does so by itself."""
    if not services.settings.derived_days:
        return {"expired": 0}
    before = services.clock.now() - timedelta(days=services.settings.derived_days)
    return {"expired": sum(services.derived.expire(kind, before) for kind in KINDS)}
