"""Whose study is it? Wrong names are corrected and patients who are one are merged, and that can be taken back.

Originals stay as they are; what is told instead is put over them whenever anything of a study is told. Called by
functions/dicomweb and functions/pages.

Source: PS3.3 §C.12.1.1.9 (Original Attributes)
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text

from pacs.archive.corrections import (
    Told,
    end_merges,
    find_corrections,
    hold_studies,
    keep_merge,
    write_corrections,
)
from pacs.archive.search import scope_conditions
from pacs.archive.source import StoreSource
from pacs.dicom.attributes import by_name
from pacs.dicom.correcting import CORRECTABLE, Deed, as_text
from pacs.dicom.header import read_header
from pacs.dicom.index_row import column_of, index_row, patient_key
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people import audit
from pacs.people.scope import Scope
from pacs.ports import Rows, Services
from pacs.reading.naming import code_of
from pacs.reading.studies import named

Json = dict[str, Any]

FIND = "select s.study_instance_uid, s.code, s.patient_key, s.dicom, s.corrected_at from studies s where "
TOGETHER = text(
    "select distinct c.study_instance_uid, cast(c.deed_id as text) as deed_id from patient_corrections c where"
    " c.organization_id = cast(:organization_id as uuid) and c.deed_id = (select p.deed_id from patient_corrections p"
    " where p.organization_id = c.organization_id and p.study_instance_uid = :study order by p.id desc limit 1)"
)
HISTORY = text(
    "select c.at, c.member_id, coalesce(m.name, '') as member, c.deed, c.attributes from patient_corrections c"
    " left join organization_members m on cast(m.id as text) = c.member_id"
    " where c.organization_id = cast(:organization_id as uuid) and c.study_instance_uid = :study order by c.id"
)
NEWEST = text(
    "select object_key from instances where organization_id = cast(:organization_id as uuid)"
    " and study_instance_uid = :study order by received_at desc limit 1"
)
TAGS = frozenset(tag for tag, _ in CORRECTABLE.values())
LONGEST: dict[str, int] = {"SH": 16, "LO": 64, "PN": 64}
SEXES = ("M", "F", "O", "")
MUST_BE_SAID = ("PatientName", "PatientID")
OF_A_STUDY = "AccessionNumber"
CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def read_patient(services: Services, scope: Scope, code: str) -> Json:
    """What is told of a study's patient, what the originals say, and who changed what when. Raises NotFound."""
    study = find_study(services, scope, code)
    rows = services.database.fetch(HISTORY, {**own(scope), "study": study["study_instance_uid"]})
    said, _ = original(services, scope, study["study_instance_uid"])
    history = [{**row, "at": row["at"].isoformat(), "attributes": by_keyword(row["attributes"])} for row in rows]
    return {
        "code": study["code"],
        "study_instance_uid": study["study_instance_uid"],
        "number_of_studies": len(studies_of(services, scope, study)),
        "patient": by_keyword(told_now(study)),
        "original": {**dict.fromkeys(CORRECTABLE, ""), **by_keyword(said)},
        "history": history,
    }


def correct_patient(
    services: Services,
    scope: Scope,
    code: str,
    attributes: Mapping[str, str],
    *,
    whole_patient: bool = False,
    source_ip: str = "",
) -> Json:
    """Tell other attributes (by keyword) of a study, or of all studies of its patient that the scope covers.

    Raises NotFound, BadRequest.
    """
    if not attributes:
        raise BadRequest("nothing is to be corrected", field="attributes")
    if whole_patient and OF_A_STUDY in attributes:
        raise BadRequest(f"{OF_A_STUDY} is that of one study", field=OF_A_STUDY)
    changes = {CORRECTABLE[name][0]: checked(name, value) for name, value in known(attributes).items()}
    study = find_study(services, scope, code)
    studies = studies_of(services, scope, study) if whole_patient else [study["study_instance_uid"]]
    change(services, scope, studies, changes, "correct", source_ip)
    return read_patient(services, scope, code)


def merge_patient(services: Services, scope: Scope, code: str, into: str, *, source_ip: str = "") -> Json:
    """Tell of all studies of a study's patient, as far as the scope covers them, that they are the patient's of another
    study. Raises NotFound, BadRequest when that one has no ID, Conflict when it is one patient already.
    """
    study, target = find_study(services, scope, code), find_study(services, scope, into)
    if study["patient_key"] == target["patient_key"]:
        raise Conflict("both studies are the same patient's", field="into")
    changes = {tag: each for tag, each in told_now(target).items() if tag != CORRECTABLE[OF_A_STUDY][0]}
    if not as_text(changes[CORRECTABLE["PatientID"][0]]):
        raise BadRequest("patients are merged into one who has an ID", field="into")
    merged = str(study["patient_key"])
    change(services, scope, studies_of(services, scope, study), changes, "merge", source_ip, merged)
    return read_patient(services, scope, code)


def undo_correction(services: Services, scope: Scope, code: str, *, source_ip: str = "") -> Json:
    """Tell what the originals say again: of a study, and of those that were last corrected together with it.

    Raises NotFound, Conflict when nothing is told otherwise.
    """
    study = find_study(services, scope, code)
    uid = study["study_instance_uid"]
    current = find_corrections(services.database, scope.organization_id, [uid])
    if uid not in current or not current[uid].attributes:
        raise Conflict("nothing is told otherwise than the originals say")
    together = services.database.fetch(TOGETHER, {**own(scope), "study": uid})
    studies = covered(services, scope, [row["study_instance_uid"] for row in together])
    told = []
    for each in studies:
        shown, columns = original(services, scope, each)
        told.append(Told(each, {}, {}, shown, columns))
    now, deed_id = services.clock.now(), str(uuid.uuid4())
    with services.database.transaction() as statements:
        held = hold_studies(statements, scope, studies)
        write_corrections(statements, scope, held, told, "undo", deed_id, now)
        end_merges(statements, scope, studies, together[0]["deed_id"], now)
        for each in studies:
            deed = audit.Deed("correct-patient", each, subject="undo")
            audit.record(statements, scope, deed, source_ip=source_ip)
    return read_patient(services, scope, code)


def change(
    services: Services,
    scope: Scope,
    studies: Sequence[str],
    changes: Mapping[str, Json],
    deed: Deed,
    source_ip: str,
    merged: str = "",
) -> None:
    """Put changes (DICOM JSON by tag) over what is told of these studies. The audit names attributes, no values.

    `merged` is the patient_key that studies which arrive later share with these.
    """
    names = [name for name, (tag, _) in CORRECTABLE.items() if tag in changes]
    now, deed_id = services.clock.now(), str(uuid.uuid4())
    with services.database.transaction() as statements:
        held = hold_studies(statements, scope, studies)
        before = find_corrections(statements, scope.organization_id, studies)
        told = []
        for row in held:
            uid = row["study_instance_uid"]
            kept = {**(before[uid].attributes if uid in before else {}), **changes}
            shown = {**{tag: each for tag, each in row["dicom"].items() if tag in TAGS}, **kept}
            columns = columns_of(kept, shown, uid)
            told.append(Told(uid, kept, columns, shown, columns))
        write_corrections(statements, scope, held, told, deed, deed_id, now)
        if merged:
            whole = Told("", changes, columns_of(changes, changes, ""), {}, {})
            keep_merge(statements, scope, merged, whole, deed_id, now)
        for each in told:
            subject = f"{deed}: {', '.join(names)}"
            audit.record(
                statements, scope, audit.Deed("correct-patient", each.study, subject=subject), source_ip=source_ip
            )


def find_study(services: Services, scope: Scope, code: str) -> Mapping[str, Any]:
    """What the index says of a study, named by its code or UID. Raises NotFound."""
    parameters: dict[str, Any] = {"code": code_of(code)}
    where = " and ".join([*scope_conditions(scope, parameters), named(code)])
    rows = services.database.fetch(text(FIND + where), parameters)
    if not rows:
        raise NotFound("no such study", field="code")
    return rows[0]


def studies_of(services: Services, scope: Scope, study: Mapping[str, Any]) -> list[str]:
    """The studies of a study's patient that the scope covers."""
    parameters: dict[str, Any] = {"patient_key": study["patient_key"]}
    where = " and ".join([*scope_conditions(scope, parameters), "s.patient_key = :patient_key"])
    return uids(services.database.fetch(text(FIND + where), parameters))


def covered(services: Services, scope: Scope, studies: Sequence[str]) -> list[str]:
    parameters: dict[str, Any] = {"wanted": list(studies)}
    where = " and ".join([*scope_conditions(scope, parameters), "s.study_instance_uid = any(:wanted)"])
    return uids(services.database.fetch(text(FIND + where), parameters))


def uids(rows: Rows) -> list[str]:
    return sorted(row["study_instance_uid"] for row in rows)


def own(scope: Scope) -> dict[str, str]:
    return {"organization_id": scope.organization_id}


def told_now(study: Mapping[str, Any]) -> dict[str, Json]:
    """What the index tells of these attributes, every one of them."""
    return {tag: study["dicom"].get(tag, {"vr": vr}) for tag, vr in CORRECTABLE.values()}


def original(services: Services, scope: Scope, study: str) -> tuple[Json, dict[str, Any]]:
    """What the original that came last says of these attributes: DICOM JSON by tag, and columns of the index."""
    rows = services.database.fetch(NEWEST, {**own(scope), "study": study})
    if not rows:
        raise NotFound("no such study", field="code")
    row = index_row(read_header(StoreSource(services.originals, rows[0]["object_key"])))
    shown = {tag: row["study_dicom"][tag] for tag, _ in CORRECTABLE.values() if tag in row["study_dicom"]}
    columns = {by_name()[name].column: row["study"][by_name()[name].column] for name in CORRECTABLE}
    return shown, {**columns, "patient_key": row["patient_key"]}


def columns_of(kept: Mapping[str, Json], shown: Mapping[str, Json], study: str) -> dict[str, Any]:
    """What the index keeps of these attributes, as if a dataset had said it; `shown` is all that is told then."""
    columns = {by_name()[tag].column: column_of(by_name()[tag], each.get("Value", [])) for tag, each in kept.items()}
    tags = [CORRECTABLE[name][0] for name in ("IssuerOfPatientID", "PatientID")]
    if not any(tag in kept for tag in tags):
        return columns
    issuer, patient_id = (as_text(shown.get(tag, {})) for tag in tags)
    return {**columns, "patient_key": patient_key(issuer, patient_id, study)}


def by_keyword(attributes: Mapping[str, Json]) -> dict[str, str]:
    return {name: as_text(attributes[tag]) for name, (tag, _) in CORRECTABLE.items() if tag in attributes}


def known(attributes: Mapping[str, str]) -> Mapping[str, str]:
    """Raises BadRequest, naming what may not be corrected."""
    for name in attributes:
        if name not in CORRECTABLE:
            raise BadRequest(f"only these are corrected: {', '.join(CORRECTABLE)}", field="attributes")
    return attributes


def checked(name: str, given: str) -> Json:
    """A value as DICOM JSON. Raises BadRequest, which names the attribute and never the value. Source: PS3.5 §6.2"""
    vr, value = CORRECTABLE[name][1], given.strip()
    groups = value.split("=")
    fits = {
        "CS": value in SEXES,
        "DA": not value or is_date(value),
        "PN": len(groups) <= 3 and all(len(each) <= LONGEST["PN"] and each.count("^") <= 4 for each in groups),
    }.get(vr, len(value) <= LONGEST.get(vr, 0))
    if CONTROL.search(value) or not fits:
        raise BadRequest(f"{name} has a value that {vr} does not allow", field=name)
    if not value:
        if name in MUST_BE_SAID:
            raise BadRequest(f"{name} may not be empty", field=name)
        return {"vr": vr}
    if vr != "PN":
        return {"vr": vr, "Value": [value]}
    kinds = zip(("Alphabetic", "Ideographic", "Phonetic"), (each.strip() for each in groups), strict=False)
    return {"vr": vr, "Value": [{kind: group for kind, group in kinds if group}]}


def is_date(value: str) -> bool:
    try:
        return len(value) == 8 and bool(date.fromisoformat(value))
    except ValueError:
        return False
