"""The page of modalities and peers, and how a C-ECHO is asked for and told."""

import json
from typing import Any

import pytest

from pacs.dicom import modalities
from pacs.dicom.echoes import ANSWERS, WISHES
from tests.portal.visits import scope_of, send, show

PAGE = "/admin/modalities"


@pytest.fixture
def admin(clinic: Any) -> Any:
    return scope_of(clinic, "admin")


def table(clinic: Any) -> Any:
    return json.loads(clinic.services.exchange.get(modalities.KEY)[1])


def test_modalities_are_kept_on_their_page(clinic: Any, admin: Any) -> None:
    branch = clinic.made.branch_id
    send(clinic, "/admin/branches", admin, name="Kosova", code="kosova")
    assert "RAIPACS_KOSOVA" in show(clinic, "/admin/branches", admin).text
    form = {"name": "<b>CT", "branch": branch, "calling": "CT1", "address": "10.0.0.0/8", "query": "1"}
    assert send(clinic, PAGE, admin, **form).headers["location"] == PAGE
    assert table(clinic)["modalities"][0]["source_address"] == "10.0.0.0/8"
    page = show(clinic, PAGE, admin).text
    assert "&lt;b&gt;CT" in page and "CT1" in page and "RAIPACS_KOSOVA" in page
    send(clinic, PAGE, admin, **(form | {"replacing": "<b>CT", "name": "MR"}))
    assert [each["name"] for each in table(clinic)["modalities"]] == ["MR"]
    assert send(clinic, PAGE, admin, **(form | {"branch": clinic.made.organization_id})).status_code == 404
    assert send(clinic, PAGE, admin, name="X", branch=branch).status_code == 400
    send(clinic, f"{PAGE}/remove", admin, name="MR")
    assert table(clinic)["modalities"] == [] and send(clinic, f"{PAGE}/remove", admin, name="MR").status_code == 404


def test_strangers_are_let_in_and_shut_out_by_a_button(clinic: Any, admin: Any) -> None:
    page = show(clinic, PAGE, admin).text
    assert 'name="mode" value="strict"' in page and "comes to the branch" in page and "data-ask=" not in page
    send(clinic, f"{PAGE}/strangers", admin, mode="strict")
    assert table(clinic)["mode"] == "strict"
    page = show(clinic, PAGE, admin).text
    assert 'name="mode" value="open"' in page and "Only modalities that are listed here may send." in page
    assert send(clinic, f"{PAGE}/strangers", admin, mode="both").status_code == 400
    assert send(clinic, f"{PAGE}/strangers", scope_of(clinic, "centre"), mode="open").status_code == 403


def test_a_peer_is_tried_from_its_row(clinic: Any, admin: Any) -> None:
    form = {"ae_title": "WS", "host": "10.1.1.1", "port": "104", "tls": "1"}
    assert send(clinic, "/admin/peers", admin, **form).headers["location"] == PAGE
    assert send(clinic, "/admin/peers", admin, **(form | {"ae_title": "W2", "port": "x"})).status_code == 400
    led = send(clinic, "/admin/peers/echo", admin, ae_title="WS").headers["location"]
    [wish] = json.loads(clinic.services.exchange.get(WISHES)[1])
    assert led == f"{PAGE}?echo={wish['id']}&peer=WS#echo"
    address = led.partition("#")[0]
    assert "tries=1" in show(clinic, address, admin).text
    assert "did not answer" in show(clinic, f"{address}&tries=30", admin).text
    answer = {**wish, "outcome": "refused", "milliseconds": 12}
    clinic.services.exchange.put(f"{ANSWERS}{wish['id']}.json", json.dumps(answer).encode())
    page = show(clinic, address, admin).text
    assert "takes no association" in page and "12 ms" in page and "tries=" not in page
    assert send(clinic, "/admin/peers/echo", admin, ae_title="NONE").status_code == 404
    send(clinic, "/admin/peers/remove", admin, ae_title="WS")
    assert table(clinic)["peers"] == []
