"""What a scope lets be seen of the worklist. Used by every statement of the room."""

from typing import Any

from pacs.people.scope import Scope
from pacs.worklist.payload import Json

# Groups that tell who a patient is: patients and visits; requests name the accession.
IDENTIFYING = ("0010", "0038", "0040A370")


def shown(scope: Scope, dataset: Json) -> Json:
    """A dataset as a scope may see it, in the order of its tags: with privacy, without who the patient is."""
    return {tag: dataset[tag] for tag in sorted(dataset) if not (scope.privacy and tag.startswith(IDENTIFYING))}


def scope_conditions(scope: Scope, parameters: dict[str, Any]) -> list[str]:
    """What a scope adds to every where clause over `workitems w`; its values go into `parameters`.

    Narrowed scopes see the workitems of their studies, and none that is of no study.
    """
    conditions = ["w.organization_id = cast(:organization_id as uuid)"]
    parameters["organization_id"] = scope.organization_id
    if scope.studies is not None:
        conditions.append("w.study_instance_uid = any(:studies)")
        parameters["studies"] = list(scope.studies)
    if scope.branches is not None:
        conditions.append(
            "exists (select from studies s where s.organization_id = w.organization_id"
            " and s.study_instance_uid = w.study_instance_uid and s.branch_id = any(cast(:branches as uuid[])))"
        )
        parameters["branches"] = list(scope.branches)
    return conditions
