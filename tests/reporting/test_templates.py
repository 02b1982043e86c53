"""Templates: those of an organization, by modality and language."""

import pytest

from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.scope import Scope
from pacs.reporting.templates import change_template, create_template, delete_template, find_template, list_templates
from tests.reporting.conftest import Practice

OTHER = Scope("00000000-0000-4000-8000-000000000000", "admin")
SECTIONS = {"findings": "<p>{{BULGULAR}}</p><script>x</script>"}


def test_templates_are_chosen_by_modality_and_language(practice: Practice) -> None:
    database, scope = practice.archive.database, practice.reader
    chest = create_template(database, scope, "Toraks", SECTIONS, modality="ct")
    assert (chest["modality"], chest["sections"]["findings"]) == ("CT", "<p>{{BULGULAR}}</p>")
    create_template(database, scope, "Genel", {}, language="tr")
    create_template(database, scope, "Brain", {}, modality="MR", language="en")
    with pytest.raises(Conflict):
        create_template(database, scope, "toraks", {}, modality="CT")

    def names(**wanted: str) -> list[str]:
        return [each["name"] for each in list_templates(database, scope, **wanted)]

    assert names() == ["Toraks", "Brain", "Genel"]
    assert (names(modality="CT"), names(modality="MR", language="tr")) == (["Toraks", "Genel"], ["Genel"])


def test_templates_change_and_go(practice: Practice) -> None:
    database, scope = practice.archive.database, practice.reader
    made = create_template(database, scope, "Toraks", SECTIONS, modality="CT")
    changed = change_template(database, scope, made["id"], "Göğüs", {}, modality="CR", language="en")
    assert find_template(database, scope, made["id"]) == changed
    assert (changed["name"], changed["modality"], changed["sections"]["findings"]) == ("Göğüs", "CR", "")
    delete_template(database, scope, made["id"])
    for call in (find_template, delete_template):
        with pytest.raises(NotFound):
            call(database, scope, made["id"])


def test_templates_of_others_are_not_there(practice: Practice) -> None:
    database = practice.archive.database
    made = create_template(database, practice.reader, "Toraks", SECTIONS)
    assert list_templates(database, OTHER) == []
    for call in (
        lambda: find_template(database, OTHER, made["id"]),
        lambda: change_template(database, OTHER, made["id"], "x", {}),
        lambda: delete_template(database, OTHER, made["id"]),
        lambda: practice.draft(template_id="00000000-0000-4000-8000-000000000001"),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"modality": "C/T"}, "modality"),
        ({"language": "xx"}, "language"),
        ({"sections": {"x": ""}}, "sections.x"),
    ],
)
def test_what_is_wrong_is_named(practice: Practice, given: dict[str, str], field: str) -> None:
    values = {"name": "a", "sections": {}, **given}
    with pytest.raises(BadRequest) as caught:
        create_template(practice.archive.database, practice.reader, **values)  # type: ignore[arg-type]
    assert caught.value.field == field
