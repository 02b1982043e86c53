"""What else is here of a study's patient: certainly, by patient ID and issuer; possibly, by name and date of birth.

Called by functions/studies and the radiologist's desk.
"""

from typing import Any

from sqlalchemy import text

from pacs.archive.search import scope_conditions
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reading.naming import code_of
from pacs.reading.studies import COLUMNS, FROM, named, study_of

MOST = 100
PATIENT = "select s.study_instance_uid, s.patient_key, s.patient_name, s.patient_birth_date from studies s where "
# A study without a patient ID is a patient of its own.
SAME = "s.patient_key = :patient_key"
ALIKE = "s.patient_name = :patient_name and s.patient_birth_date = :patient_birth_date"


def priors(services: Services, scope: Scope, code: str) -> list[dict[str, Any]]:
    """The patient's other studies that the scope covers, the newest first, at most MOST.

    Each with `certain`: the same patient by ID, or one of the same name and date of birth who may be another. No
    study, no priors.
    """
    parameters: dict[str, Any] = {"code": code_of(code)}
    where = [*scope_conditions(scope, parameters), named(code)]
    found = services.database.fetch(text(PATIENT + " and ".join(where)), parameters)
    if not found:
        return []
    parameters = dict(found[0])
    patient = f"({SAME} or ({ALIKE}))"
    if not (parameters["patient_name"] and parameters["patient_birth_date"]):
        patient = SAME
        parameters = {name: parameters[name] for name in ("patient_key", "study_instance_uid")}
    where = [*scope_conditions(scope, parameters), patient, "s.study_instance_uid <> :study_instance_uid"]
    statement = (
        f"select {COLUMNS}, {SAME} as certain from {FROM} where {' and '.join(where)}"  # noqa: S608 - our own words
        f" order by s.study_date desc nulls last, s.study_time desc nulls last, s.study_instance_uid limit {MOST}"
    )
    rows, now = services.database.fetch(text(statement), parameters), services.clock.now()
    return [{**study_of(row, scope, now), "certain": row["certain"]} for row in rows]
