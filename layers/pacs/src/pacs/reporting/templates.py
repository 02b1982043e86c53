"""Templates of reports: what a report begins with. They belong to an organization; a modality of "" is every one.

Called by functions/reports and by reporting.drafts. Placeholders like `{{BULGULAR}}` stay as they are.
"""

import uuid
from typing import Any

from sqlalchemy import text

from pacs.errors import BadRequest, NotFound
from pacs.people.audit import Deed, record
from pacs.people.organizations import required
from pacs.people.scope import Scope
from pacs.ports import Database, Statements
from pacs.reporting.body import Sections, checked, checked_language

COLUMNS = "cast(id as text) as id, name, modality, language, sections, updated_at"
OWN = "organization_id = cast(:organization_id as uuid)"
LIST = text(
    f"select {COLUMNS} from report_templates where {OWN} and (:modality = '' or modality in ('', :modality))"  # noqa: S608
    " and (:language = '' or language = :language) order by modality = '', modality, lower(name), language, id"
)
FIND = text(f"select {COLUMNS} from report_templates where {OWN} and id = cast(:id as uuid)")  # noqa: S608
CREATE = text(
    "insert into report_templates (id, organization_id, name, modality, language, sections) values"  # noqa: S608
    " (cast(:id as uuid), cast(:organization_id as uuid), :name, :modality, :language, cast(:sections as jsonb))"
    f" returning {COLUMNS}"
)
CHANGE = text(
    "update report_templates set name = :name, modality = :modality, language = :language,"  # noqa: S608
    f" sections = cast(:sections as jsonb), updated_at = now() where {OWN} and id = cast(:id as uuid)"
    f" returning {COLUMNS}"
)
DELETE = text(f"delete from report_templates where {OWN} and id = cast(:id as uuid) returning id")  # noqa: S608

Template = dict[str, Any]


def list_templates(statements: Statements, scope: Scope, *, modality: str = "", language: str = "") -> list[Template]:
    """The templates that fit a modality and a language, those of the modality itself first."""
    values = {"organization_id": scope.organization_id, "modality": modality.upper(), "language": language}
    return [dict(row) for row in statements.fetch(LIST, values)]


def find_template(statements: Statements, scope: Scope, template_id: str) -> Template:
    """One template. Raises NotFound."""
    rows = statements.fetch(FIND, {"organization_id": scope.organization_id, "id": template_id})
    if not rows:
        raise NotFound("no such template", field="template_id")
    return dict(rows[0])


def create_template(
    database: Database, scope: Scope, name: str, sections: Sections, *, modality: str = "", language: str = "tr"
) -> Template:
    """Make a template. Raises BadRequest; Conflict when the modality has one of this name and language."""
    values = checked_values(scope, str(uuid.uuid4()), name, sections, modality, language)
    with database.transaction() as statements:
        rows = statements.fetch(CREATE, values)
        record(statements, scope, Deed("change-template", subject=values["id"]))
    return dict(rows[0])


def change_template(
    database: Database,
    scope: Scope,
    template_id: str,
    name: str,
    sections: Sections,
    *,
    modality: str = "",
    language: str = "tr",
) -> Template:
    """Replace a template; reports that began with it stay as they are. Raises NotFound, BadRequest, Conflict."""
    values = checked_values(scope, template_id, name, sections, modality, language)
    with database.transaction() as statements:
        rows = statements.fetch(CHANGE, values)
        if not rows:
            raise NotFound("no such template", field="template_id")
        record(statements, scope, Deed("change-template", subject=template_id))
    return dict(rows[0])


def delete_template(database: Database, scope: Scope, template_id: str) -> None:
    """Remove a template. Raises NotFound."""
    with database.transaction() as statements:
        if not statements.fetch(DELETE, {"organization_id": scope.organization_id, "id": template_id}):
            raise NotFound("no such template", field="template_id")
        record(statements, scope, Deed("change-template", subject=f"{template_id}: deleted"))


def checked_values(
    scope: Scope, template_id: str, name: str, sections: Sections, modality: str, language: str
) -> dict[str, Any]:
    modality = modality.strip().upper()
    if modality and not (modality.isascii() and modality.isalnum() and len(modality) <= 16):
        raise BadRequest("a modality is a code like CT, or empty for every one", field="modality")
    return {
        "id": template_id,
        "organization_id": scope.organization_id,
        "name": required(name, "name"),
        "modality": modality,
        "language": checked_language(language),
        "sections": checked(sections),
    }
