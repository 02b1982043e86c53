"""Deleting and bringing back over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from pacs.people.scope import Role, Scope

Sample = Callable[[str], bytes]


def paths(stored: Any) -> list[str]:
    study = f"/studies/{stored.study}"
    series = f"{study}/series/{stored.series}"
    return [study, series, f"{series}/instances/{stored.sop_instance_uid}"]


def ask(clinic: Any, method: str, path: str, role: Role = "admin") -> Any:
    scope = Scope(clinic.made.organization_id, role)
    return clinic.client.request(method, "/dicomweb" + path, headers=clinic.bearer(scope))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_is_deleted_is_not_there_until_it_is_brought_back(clinic: Any, sample: Sample, level: int) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    clinic.derive()
    path = paths(stored)[level]
    deleted = ask(clinic, "DELETE", path, "centre")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert clinic.get("/studies").json() == []
    for each in (*paths(stored), f"{paths(stored)[2]}/frames/1", f"{paths(stored)[2]}/metadata"):
        assert clinic.get(each).status_code == 404
    frame = f"/frames/{clinic.made.organization_id}/{stored.study}/{stored.series}/{stored.sop_instance_uid}/1"
    assert clinic.client.get(frame, headers=clinic.bearer()).status_code == 404
    assert ask(clinic, "DELETE", path).status_code == 404
    back = ask(clinic, "POST", f"{path}/undelete")
    assert (back.status_code, back.json()) == (202, {"instances": 1})
    assert clinic.services.queue.depth("index").waiting == 1
    clinic.index()
    assert clinic.get(f"{paths(stored)[2]}/frames/1").status_code == 200
    assert ask(clinic, "POST", f"{path}/undelete").status_code == 404


@pytest.mark.parametrize("role", ["technician", "radiologist", "accounting", "individual"])
def test_who_may_not_delete_is_told_so(clinic: Any, sample: Sample, role: Role) -> None:
    stored = clinic.add(sample("CT_small.dcm"))
    for path in paths(stored):
        assert ask(clinic, "DELETE", path, role).status_code == 403
        assert ask(clinic, "POST", f"{path}/undelete", role).status_code == 403
    assert len(clinic.get("/studies").json()) == 1


def test_what_is_no_uid_names_the_parameter(clinic: Any) -> None:
    answer = ask(clinic, "DELETE", "/studies/1.2.x")
    assert (answer.status_code, answer.json()["field"]) == (400, "study")
