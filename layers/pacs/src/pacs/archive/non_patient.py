"""Finding and reading what belongs to no patient: hanging protocols, palettes, templates. Called by functions/dicomweb.

Source: PS3.18 §12.4 and §12.6
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from pacs.archive.bulkdata import Bulkdata, value_at
from pacs.archive.pages import Page
from pacs.archive.search import (
    AVAILABLE_TRANSFER_SYNTAX,
    INSTANCE_AVAILABILITY,
    RETRIEVE_URL,
    SPECIFIC_CHARACTER_SET,
    Json,
    condition,
    fetch_matches,
)
from pacs.archive.source import StoreSource
from pacs.dicom.attributes import Attribute
from pacs.dicom.header import Header, read_header
from pacs.dicom.json import to_dicom_json
from pacs.dicom.non_patient import CATEGORIES
from pacs.dicom.uids import is_uid
from pacs.dicomweb.query import Query
from pacs.errors import BadRequest, BeingReplaced, NotFound
from pacs.people.scope import Scope
from pacs.ports import Services

COLUMNS = (
    "n.sop_class_uid, n.sop_instance_uid, n.object_key, n.size_bytes, n.sha256, n.transfer_syntax_uid, n.received_at"
)


@dataclass(frozen=True)
class NonPatientInstance:
    """What the index knows of one instance that belongs to no patient."""

    category: str
    sop_class_uid: str
    sop_instance_uid: str
    object_key: str
    size_bytes: int
    sha256: str
    transfer_syntax_uid: str
    received_at: datetime

    @property
    def url(self) -> str:
        """Its path below /dicomweb."""
        return f"/{self.category}/{self.sop_instance_uid}"


def require_category(name: str) -> str:
    """The name of a kind of instances. Raises NotFound."""
    if name not in CATEGORIES:
        raise NotFound("there is no such resource")
    return name


def require_instance(uid: str) -> str:
    """The UID itself. Raises BadRequest."""
    if not is_uid(uid):
        raise BadRequest("instance is not a UID", field="instance")
    return uid


def conditions(scope: Scope, category: str, parameters: dict[str, Any]) -> list[str]:
    """The where clause over `non_patient_instances n`. Who may see some studies alone sees nothing that has none."""
    parameters |= {"organization_id": scope.organization_id, "classes": sorted(CATEGORIES[category])}
    found = ["n.organization_id = cast(:organization_id as uuid)", "n.sop_class_uid = any(:classes)"]
    if scope.branches is not None:
        found.append("n.branch_id = any(cast(:branches as uuid[]))")
        parameters["branches"] = list(scope.branches)
    if scope.studies is not None:
        found.append("false")
    return found


def find_non_patient(services: Services, scope: Scope, category: str, uid: str) -> NonPatientInstance:
    """One instance of a kind. Raises NotFound when the scope covers none, BadRequest for what is no UID."""
    require_category(category)
    require_instance(uid)
    parameters: dict[str, Any] = {"uid": uid}
    wheres = " and ".join([*conditions(scope, category, parameters), "n.sop_instance_uid = :uid"])
    statement = f"select {COLUMNS} from non_patient_instances n where {wheres} order by n.received_at desc limit 1"  # noqa: S608
    for row in services.database.fetch(text(statement), parameters):
        return NonPatientInstance(category, **row)
    raise NotFound("no such instance")


def search_non_patient(services: Services, scope: Scope, category: str, query: Query) -> Page:
    """The instances of a kind that match and that this scope may see, in the order of their UIDs."""
    require_category(category)
    parameters: dict[str, Any] = {"limit": query.limit + 1, "offset": query.offset}
    wheres = conditions(scope, category, parameters)
    wheres += [condition(each, number, parameters, key_of) for number, each in enumerate(query.filters)]
    statement = (
        "select n.sop_instance_uid, n.transfer_syntax_uid, n.dicom from non_patient_instances n"  # noqa: S608 - no value
        f" where {' and '.join(wheres)} order by n.sop_class_uid, n.sop_instance_uid limit :limit offset :offset"
    )
    rows = fetch_matches(services.database, query, statement, parameters)
    base = f"{services.settings.origin}/dicomweb/{category}"
    return Page([document(row, base) for row in rows[: query.limit]], len(rows) > query.limit)


def key_of(attribute: Attribute) -> str:
    """Where a row has what an attribute is matched by. Paths are tags and dots, and nothing that SQL reads."""
    value = f"n.keys ->> '{attribute.path}'"
    return f"cast({value} as integer)" if attribute.matching == "integer" else f"({value})"


def document(row: Mapping[str, Any], base: str) -> Json:
    """One answer: all small attributes, and where the instance is retrieved."""
    told = {
        SPECIFIC_CHARACTER_SET: {"vr": "CS", "Value": ["ISO_IR 192"]},
        INSTANCE_AVAILABILITY: {"vr": "CS", "Value": ["ONLINE"]},
        RETRIEVE_URL: {"vr": "UR", "Value": [f"{base}/{row['sop_instance_uid']}"]},
        AVAILABLE_TRANSFER_SYNTAX: {"vr": "UI", "Value": [row["transfer_syntax_uid"]]},
    }
    return dict(sorted({**row["dicom"], **told}.items()))


def read_non_patient(services: Services, instance: NonPatientInstance) -> tuple[StoreSource, Header]:
    """The header of an original and where to read more. Raises BeingReplaced when the store has newer bytes."""
    source = StoreSource(services.originals, instance.object_key)
    if source.info.metadata.get("sha256", "") != instance.sha256:
        raise BeingReplaced("a newer version of this instance is about to be indexed: ask again in a second")
    return source, read_header(source)


def non_patient_metadata(services: Services, instance: NonPatientInstance) -> Json:
    """The complete DICOM JSON of an instance, read from its original: nothing of these is derived."""
    _, header = read_non_patient(services, instance)
    base = f"/dicomweb{instance.url}/bulkdata/"
    return to_dicom_json(header, bulkdata_uri=lambda path: base + path)


def open_non_patient_bulkdata(services: Services, instance: NonPatientInstance, path: str) -> Bulkdata:
    """The value that a BulkDataURI names. Raises NotFound."""
    found = value_at(services, *read_non_patient(services, instance), path)
    if found is None:
        raise NotFound("what belongs to no patient has no frames", field="path")
    return found
