"""What metadata parts still say of instances that are gone: taken out of them. Called by archive.trash every night.

Nobody is ever answered such a line, because parts are read for what the index has. But what was removed for good must
not lie on among the derived objects.
"""

from datetime import timedelta

from sqlalchemy import text

from pacs.archive.keys import metadata_parts
from pacs.archive.metadata import parse_part, write_part
from pacs.errors import ObjectNotFound
from pacs.ports import Services

SERIES = (
    "organization_id = cast(:organization_id as uuid) and study_instance_uid = :study_instance_uid"
    " and series_instance_uid = :series_instance_uid"
)
NAMED = text(f"select metadata_key, sop_instance_uid from instances where {SERIES}")  # noqa: S608
MOVE = text(f"update instances set metadata_key = :after where {SERIES} and metadata_key = :before")  # noqa: S608
# The indexer writes a part before it names it.
UNNAMED_FOR = timedelta(hours=1)


def forget_documents(services: Services, series_path: tuple[str, str, str]) -> None:
    """Leave in the parts of a series what the index has, and nothing else."""
    columns = ("organization_id", "study_instance_uid", "series_instance_uid")
    series = dict(zip(columns, series_path, strict=True))
    named: dict[str, set[str]] = {}
    for row in services.database.fetch(NAMED, series):
        named.setdefault(row["metadata_key"], set()).add(row["sop_instance_uid"])
    for info in list(services.derived.scan(metadata_parts(*series_path))):
        if info.key in named:
            keep_documents(services, series_path, info.key, named[info.key], series)
        elif info.last_modified < services.clock.now() - UNNAMED_FOR:
            services.derived.delete(info.key)


def keep_documents(
    services: Services, series_path: tuple[str, str, str], key: str, uids: set[str], series: dict[str, str]
) -> None:
    """Replace a part by one that tells of these instances alone."""
    try:
        documents = parse_part(services.derived.get(key)[1])
    except ObjectNotFound:  # replaced in this moment
        return
    kept = {uid: document for uid, document in documents.items() if uid in uids}
    if len(kept) < len(documents):
        after = write_part(services.derived, series_path, kept)
        services.database.fetch(MOVE, {**series, "before": key, "after": after})
        services.derived.delete(key)
