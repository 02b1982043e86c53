"""What both drivers have in common: statements, their parameters, and what the database's errors mean outside.

Text statements may bind str, int, float, bool, None, bytes, Decimal, aware datetime, date, UUID, dict and list. A
dict is JSON; so is a list that holds dicts or lists, or that the statement puts into `cast(:name as jsonb)`; any
other list is an array, for `= any(:name)`. Both drivers bind a str as text and an int as bigint: where a uuid or
another type is meant the statement says so with a cast. Rows give uuid as str, timestamptz as aware datetime,
and json and jsonb as Python objects.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    DateTime,
    Engine,
    Executable,
    Float,
    LargeBinary,
    Text,
    TextClause,
    Uuid,
    bindparam,
    exc,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from pacs.errors import BadRequest, Conflict, DatabaseUnavailable, PacsError
from pacs.ports import Rows, Statements

Parameters = Mapping[str, Any] | None

JSON_CAST = re.compile(r"cast\(\s*:(\w+)\s+as\s+jsonb?\s*\)", re.IGNORECASE)
ELEMENTS: dict[type, type[TypeEngine[Any]]] = {str: Text, int: BigInteger, float: Float, UUID: Uuid}

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
LOST_A_RACE = ("40001", "40P01")  # serialization failure, deadlock
SECOND_TRY_AFTER_S = 0.1  # at once, it might take the same lock before the winner has woken up
# Classes of SQLSTATE. Source: PostgreSQL documentation, appendix A.
WRONG_VALUES = ("22", "23")
UNAVAILABLE = ("08", "40", "53", "55", "57", "58", "XX")


class EngineDatabase:
    """A `pacs.ports.Database` over an engine whose connections commit each statement by themselves."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.transactional = engine.execution_options(isolation_level="READ COMMITTED")

    def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        """Run one statement and commit it. One that lost a race against another is run a second time."""
        prepared = with_types(statement, parameters)
        with translated():
            try:
                return self.run(prepared, parameters)
            except exc.DBAPIError as error:
                if sqlstate(error) not in LOST_A_RACE:
                    raise
            time.sleep(SECOND_TRY_AFTER_S)
            return self.run(prepared, parameters)

    def run(self, statement: Executable, parameters: Parameters) -> Rows:
        with self.engine.connect() as connection:
            return rows_of(connection, statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """Several statements, committed together at the end; an error among them, even one caught, undoes all."""
        with self.begin() as connection:
            statements = Transaction(connection)
            yield statements
            if statements.error is not None:
                raise statements.error

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction on a SQLAlchemy connection, for alembic."""
        with translated(), self.transactional.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of all idle connections."""
        self.engine.dispose()


class Transaction:
    """The `pacs.ports.Statements` of one transaction. `error` is the first that one of them met."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.error: PacsError | None = None

    def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        try:
            with translated():
                return rows_of(self.connection, with_types(statement, parameters), parameters)
        except PacsError as error:
            self.error = self.error or error
            raise


def rows_of(connection: Connection, statement: Executable, parameters: Parameters) -> Rows:
    result = connection.execute(statement, dict(parameters or {}))
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


def with_types(statement: Executable, parameters: Parameters) -> Executable:
    """A text statement that knows the types of its parameters; Core's own statements know them already."""
    if not parameters or not isinstance(statement, TextClause):
        return statement
    as_json = set(JSON_CAST.findall(statement.text))
    types = {name: type_of(value, as_json=name in as_json) for name, value in parameters.items()}
    return statement.bindparams(*(bindparam(name, type_=kind) for name, kind in types.items() if kind is not None))


def type_of(value: Any, *, as_json: bool) -> TypeEngine[Any] | None:
    """The type a value is bound with; None for those that both drivers bind rightly by themselves."""
    if isinstance(value, list | tuple):
        if as_json or any(isinstance(each, dict | list | tuple) for each in value):
            return JSONB()
        kind = next((type(each) for each in value if each is not None), str)
        return ARRAY(ELEMENTS.get(kind, Text)())
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a time without a zone cannot be bound")
        return DateTime(timezone=True)
    for kind, bound in ((dict, JSONB), (date, Date), (UUID, Uuid), (bytes, LargeBinary)):
        if isinstance(value, kind):
            return bound()
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the drivers as ours. Their words are left behind, because they quote values: patients' data."""
    try:
        yield
    except exc.DBAPIError as error:
        # Without a statement it is about the connection, which knows no patient.
        raise meaning(error) from (error if error.statement is None else None)
    except exc.TimeoutError as error:
        raise DatabaseUnavailable("every connection to the database is in use") from error


def meaning(error: exc.DBAPIError) -> PacsError:
    state = sqlstate(error)
    if state == UNIQUE_VIOLATION:
        return Conflict("there is one with the same key already")
    if state == FOREIGN_KEY_VIOLATION:
        return Conflict("what it refers to is not there, or is still referred to")
    if state.startswith(WRONG_VALUES) or (not state and isinstance(error, exc.DataError)):
        return BadRequest(f"a value that the database does not take ({state or 'before it was sent'})")
    if state.startswith(UNAVAILABLE) or (not state and isinstance(error, exc.OperationalError | exc.InterfaceError)):
        return DatabaseUnavailable(f"the database does not answer ({state or type(error.orig).__name__})")
    return PacsError(f"the database refuses a statement (SQLSTATE {state or 'unknown'})")


def sqlstate(error: exc.DBAPIError) -> str:
    """The five characters that PostgreSQL gives every error; empty when it was not PostgreSQL that spoke."""
    return getattr(error.orig, "sqlstate", None) or ""
