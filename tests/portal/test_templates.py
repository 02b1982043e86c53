"""The pages of report templates: who sees them, what a filter leaves, and the form of one."""

from typing import Any

import pytest

from pacs.people.scope import Scope
from pacs.reporting.templates import create_template
from tests.portal.people import member
from tests.portal.visits import scope_of, show


@pytest.fixture
def reader(clinic: Any) -> Scope:
    return member(clinic, "radiologist")


def make(clinic: Any, by: Scope, name: str, **told: str) -> str:
    return str(create_template(clinic.services.database, by, name, {"findings": "<p>{{BULGULAR}}</p>"}, **told)["id"])


def test_templates_are_listed_by_modality_and_language(clinic: Any, reader: Scope) -> None:
    assert "There are no templates yet." in show(clinic, "/templates", reader).text
    for name, told in (
        ("Toraks <b>BT", {"modality": "CT"}),
        ("Diz MR", {"modality": "MR"}),
        ("Knee", {"modality": "MR", "language": "en"}),
        ("Genel", {}),
        ("Ek", {"modality": "OPT"}),
    ):
        make(clinic, reader, name, **told)
    page = show(clinic, "/templates", reader).text
    assert "Toraks &lt;b&gt;BT" in page and "Knee" in page and "Findings" in page and "<option>OPT" in page
    of_mr = show(clinic, "/templates?modality=MR", reader).text
    assert "Diz MR" in of_mr and "Knee" in of_mr and "Genel" in of_mr and "Toraks" not in of_mr
    english = show(clinic, "/templates?modality=MR&language=en", reader).text
    assert "Knee" in english and "Diz MR" not in english
    assert "Nothing matches." in show(clinic, "/templates?language=fr", reader).text


def test_the_form_of_a_template_calls_the_api(clinic: Any, reader: Scope) -> None:
    made = make(clinic, reader, "Diz", modality="MR", language="en")
    page = show(clinic, f"/templates/{made}", reader).text
    assert f'data-call="PUT /api/report-templates/{made}"' in page
    assert f'data-call="DELETE /api/report-templates/{made}"' in page and "Delete this template?" in page
    assert "<p>{{BULGULAR}}</p></div>" in page and page.count("data-section=") == 5
    assert "<option selected>MR" in page and '<option value="en" selected>' in page
    assert all(f"<code>{{{{{each}}}}}</code>" in page for each in ("SONUC", "IZLENIM", "TEKNIK", "KLINIK"))
    new = show(clinic, "/templates/new", reader).text
    assert 'data-call="POST /api/report-templates"' in new and "DELETE" not in new


def test_templates_are_an_organizations_and_those_who_write_reports(clinic: Any, reader: Scope) -> None:
    made = make(clinic, reader, "Diz")
    stranger = Scope("00000000-0000-4000-8000-000000000000", "admin", session_id=reader.session_id)
    assert "Diz" not in show(clinic, "/templates", stranger).text
    assert show(clinic, f"/templates/{made}", stranger).status_code == 404
    for path in ("/templates", "/templates/new", f"/templates/{made}"):
        for role in ("centre", "technician", "accounting"):
            assert show(clinic, path, scope_of(clinic, role)).status_code == 403, (path, role)
        assert show(clinic, path).status_code == 303
    assert 'href="/templates"' in show(clinic, "/dashboard", reader).text
    assert 'href="/templates"' not in show(clinic, "/dashboard", scope_of(clinic, "technician")).text
    organization = show(clinic, "/organization", scope_of(clinic, "admin")).text
    assert organization.count('href="/templates"') == 2  # in the navigation, and among what it has
