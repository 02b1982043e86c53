"""The tables: each attribute of the one table has its column, and what the migrations make is what Core believes."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Integer, Text

from pacs.database import (
    ai_tables,
    connection_tables,
    correction_tables,
    credit_tables,
    dictation_tables,
    key_tables,
    reading_tables,
    reporting_tables,
    share_tables,
    tables,
    worklist_tables,
)
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dicom.attributes import ATTRIBUTES, Attribute

ROOMS = (
    tables,
    ai_tables,
    connection_tables,
    correction_tables,
    credit_tables,
    dictation_tables,
    key_tables,
    worklist_tables,
    reading_tables,
    reporting_tables,
    share_tables,
)  # each adds its tables to the one metadata
BY_LEVEL = {"study": tables.studies, "series": tables.series, "instance": tables.instances}


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda each: each.keyword)
def test_every_attribute_has_a_column_of_a_fitting_type(attribute: Attribute) -> None:
    column = BY_LEVEL[attribute.level].columns[attribute.column]
    assert isinstance(column.type, Integer if attribute.matching == "integer" else Text)


def test_the_migrations_make_the_tables_that_core_believes_in(database: PsycopgDatabase) -> None:
    with database.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = [each for each in compare_metadata(context, tables.metadata) if not is_plain_index(each)]
    assert differences == []


def is_plain_index(difference: object) -> bool:
    """Indexes for speed are the migrations' own affair; unique ones say what may be, and are compared."""
    return isinstance(difference, tuple) and difference[0] == "remove_index" and not difference[1].unique
