"""What is a study, series or instance called to those who may not know whose it is, and which is meant by such a name?

A scope with privacy names its studies as strangers know them, so whoever does not ask here finds nothing. Called by
the archive's private answers, by entry, and by whoever makes a link.

Source: PS3.15 §E.1 (basic profile, UIDs replaced)
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text

from pacs.archive.lookup import Level
from pacs.dicom.alias import Alias
from pacs.errors import NotFound
from pacs.people.scope import Scope
from pacs.ports import Database, Rows

NEW_KEY = text(
    "insert into private_keys (organization_id, key) values (cast(:organization_id as uuid), :key)"
    " on conflict (organization_id) do nothing"
)
KEY = text("select key from private_keys where organization_id = cast(:organization_id as uuid)")
REMEMBER = text(
    "insert into private_studies (organization_id, private_uid, study_instance_uid)"
    " select cast(:organization_id as uuid), * from unnest(cast(:private as text[]), cast(:studies as text[]))"
    " on conflict (organization_id, private_uid) do nothing"
)
RECALL = text(
    "select private_uid, study_instance_uid from private_studies"
    " where organization_id = cast(:organization_id as uuid) and private_uid = any(:private)"
)
OF_STUDY = "organization_id = cast(:organization_id as uuid) and study_instance_uid = :study"
SERIES = text(f"select series_instance_uid as uid from series where {OF_STUDY}")  # noqa: S608 - no value
INSTANCES = text(
    f"select sop_instance_uid as uid from instances where {OF_STUDY}"  # noqa: S608 - no value
    " and (:series = '' or series_instance_uid = :series) and sop_instance_uid > :after"
    " order by sop_instance_uid limit 5000"
)
PAGE = 5000  # an answer of the Data API has at most 1 MB
# By study and series: what was called how, which never changes; what came since is looked up.
KNOWN_MAX = 256

KEYS: dict[str, bytes] = {}
STUDIES: dict[tuple[str, str], str] = {}
BELOW: dict[tuple[str, str, str | None], dict[str, str]] = {}


@dataclass(frozen=True)
class Veil:
    """`scope` names the true studies, `studies` them by what strangers call them."""

    scope: Scope
    alias: Alias
    studies: Mapping[str, str]


def alias_of(database: Database, organization_id: str) -> Alias:
    """How an organization's UIDs are told; its key is made when it is first needed."""
    if organization_id not in KEYS:
        parameters = {"organization_id": organization_id}
        rows = database.fetch(KEY, parameters)
        if not rows:
            database.fetch(NEW_KEY, {**parameters, "key": secrets.token_hex(32)})
            rows = database.fetch(KEY, parameters)
        KEYS[organization_id] = bytes.fromhex(rows[0]["key"])
    return Alias(KEYS[organization_id])


def told_studies(database: Database, scope: Scope, studies: Sequence[str]) -> list[str]:
    """What these studies are called in links with privacy; remembered, so that such links can be followed."""
    alias = alias_of(database, scope.organization_id)
    told = [alias.uid(each) for each in studies]
    parameters = {"organization_id": scope.organization_id, "private": told, "studies": list(studies)}
    database.fetch(REMEMBER, parameters)
    return told


def lift(database: Database, scope: Scope) -> Veil:
    """What a scope with privacy may see in truth: nothing, when it names no studies."""
    asked = {each: STUDIES.get((scope.organization_id, each), "") for each in scope.studies or ()}
    if missing := [told for told, study in asked.items() if not study]:
        for row in database.fetch(RECALL, {"organization_id": scope.organization_id, "private": missing}):
            asked[row["private_uid"]] = row["study_instance_uid"]
            remember(STUDIES, (scope.organization_id, row["private_uid"]), row["study_instance_uid"])
    studies = {told: study for told, study in asked.items() if study}
    return Veil(replace(scope, studies=tuple(studies.values())), alias_of(database, scope.organization_id), studies)


def unveiled(database: Database, scope: Scope, level: Level) -> tuple[Scope, Level]:
    """The true scope and level of a request: itself without privacy. Raises NotFound for a name that nothing has."""
    if not scope.privacy:
        return scope, level
    veil = lift(database, scope)
    study = veil.studies.get(level.study)
    series = name_below(database, veil, study, None, level.series) if study and level.series else None
    instance = name_below(database, veil, study, series, level.instance) if study and series and level.instance else ""
    if not study or bool(series) != bool(level.series) or bool(instance) != bool(level.instance):
        raise NotFound("no such study, series or instance")
    return veil.scope, Level(study, series, instance or None)


def name_below(database: Database, veil: Veil, study: str, series: str | None, told: str) -> str | None:
    """The series of a study that strangers know by this name, or the instance of a series."""
    key = (veil.scope.organization_id, study, series)
    names = BELOW.get(key, {})
    if told not in names:
        parameters = {"organization_id": veil.scope.organization_id, "study": study}
        if series is None:
            found = uids_of(database.fetch(SERIES, parameters))
        else:
            found = instances(database, parameters, series)
        names = {veil.alias.uid(uid): uid for uid in found}
        remember(BELOW, key, names)
    return names.get(told)


def true_uids(database: Database, veil: Veil, keyword: str, told: Sequence[str]) -> list[str]:
    """Which UIDs strangers mean in a search; what nothing is called so leads nowhere."""
    if keyword == "StudyInstanceUID":
        return [veil.studies[each] for each in told if each in veil.studies]
    found: list[str] = []
    for study in veil.studies.values():
        parameters = {"organization_id": veil.scope.organization_id, "study": study}
        if keyword == "SeriesInstanceUID":
            found += uids_of(database.fetch(SERIES, parameters))
        else:
            found += instances(database, parameters, "")
    names = {veil.alias.uid(each): each for each in found}
    return [names[each] for each in told if each in names]


def instances(database: Database, parameters: Mapping[str, Any], series: str) -> list[str]:
    """The instances of a series, or of the whole study, a page at a time."""
    found: list[str] = []
    while not found or len(found) % PAGE == 0:
        after = found[-1] if found else ""
        page = uids_of(database.fetch(INSTANCES, {**parameters, "series": series, "after": after}))
        found += page
        if not page:
            break
    return found


def uids_of(rows: Rows) -> list[str]:
    return [row["uid"] for row in rows]


def remember(known: dict[Any, Any], key: Any, value: Any) -> None:
    if len(known) >= KNOWN_MAX:
        known.clear()
    known[key] = value
