"""One page of a search: what the index knows, and on demand what only the stored metadata has. Called by
functions/dicomweb.

Source: PS3.18 §8.3.4.3, §8.3.4.4, §10.6.3.3
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from pacs.archive.metadata import parse_part
from pacs.archive.search import Json, document, search_rows
from pacs.dicom.attributes import Level
from pacs.dicomweb.query import Query
from pacs.errors import ObjectNotFound
from pacs.people.scope import Scope
from pacs.ports import Services

READERS = 8  # reads of a cloud store at once; waiting, not computing
# One instance that speaks for the row; computed after sorting and only for the rows of the page.
SAMPLE = "select jsonb_build_array(x.sop_instance_uid, x.metadata_key, x.object_key) from instances x where"
SAMPLES: dict[Level, str] = {
    "study": f"({SAMPLE} x.organization_id = s.organization_id and x.study_instance_uid = s.study_instance_uid"
    " order by x.series_instance_uid, x.sop_instance_uid limit 1) as sample",
    "series": f"({SAMPLE} x.organization_id = e.organization_id and x.study_instance_uid = e.study_instance_uid"
    " and x.series_instance_uid = e.series_instance_uid order by x.sop_instance_uid limit 1) as sample",
    "instance": "jsonb_build_array(i.sop_instance_uid, i.metadata_key, i.object_key) as sample",
}


@dataclass(frozen=True)
class Page:
    """Answers in their order. `more`: there are further matches behind them."""

    items: list[Json]
    more: bool


def search_page(services: Services, scope: Scope, query: Query) -> Page:
    """The answers to a query that this scope may see.

    Attributes that the index does not hold come from the stored metadata: of the instance itself, or of one
    instance of the study or series. `all` means those only at instance level, where nothing else is meant.
    """
    wanted = query.beyond_index
    everything = query.include == "all" and query.level == "instance"
    extra = SAMPLES[query.level] if wanted or everything else ""
    rows = search_rows(services.database, scope, query, query.limit + 1, extra)
    page = rows[: query.limit]
    items = [document(row, query, services.settings.origin) for row in page]
    if extra:
        documents = stored_documents(services, [row["sample"] for row in page if row["sample"]])
        for number, row in enumerate(page):
            stored = documents.get(row["sample"][0] if row["sample"] else "", {})
            chosen = stored if everything else {tag: stored.get(tag) for tag in wanted}
            known = {tag: each for tag, each in chosen.items() if each is not None}
            items[number] = dict(sorted({**items[number], **known}.items()))
    return Page(items, len(rows) > query.limit)


def stored_documents(services: Services, samples: Sequence[Sequence[str]]) -> Mapping[str, Json]:
    """The complete DICOM JSON of instances, given as SOPInstanceUID, key of the metadata part, key of the original.

    A part is read once; an instance whose part is lost is read from its original.
    """

    def part(key: str) -> dict[str, bytes]:
        try:
            return parse_part(services.derived.get(key)[1])
        except ObjectNotFound:
            return {}

    keys = list(dict.fromkeys(sample[1] for sample in samples))
    with ThreadPoolExecutor(READERS) as readers:
        parts = dict(zip(keys, readers.map(part, keys), strict=True))
    return {uid: orjson.loads(parts[key].get(uid) or reread(services, original)) for uid, key, original in samples}


def reread(services: Services, object_key: str) -> Any:
    """The document of an instance from its original. Slow, and rarely needed."""
    from pacs.archive.indexing import read_instance  # brings pydicom, which searching does without

    return read_instance(services, object_key).document
