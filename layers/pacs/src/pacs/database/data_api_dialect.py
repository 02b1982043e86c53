"""Mends the faults of the `aurora-data-api` driver, and teaches SQLAlchemy to speak through it.

What is mended: a single statement needs no transaction around it; times keep their offset and microseconds;
arrays, UUIDs and JSON go in and come out; errors carry their SQLSTATE and the class that belongs to it; closing a
connection rolls back; a cluster that wakes from its pause is waited for; nothing is asked on the first connection.
Used by `pacs.database.data_api_driver`.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from itertools import chain, islice
from typing import Any
from uuid import UUID

import aurora_data_api
from aurora_data_api import AuroraDataAPIClient, AuroraDataAPICursor
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import types
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect

# Nothing has been run when one of these is the answer, so that any call may be made again.
NOT_YET_AWAKE = {"DatabaseResumingException", "DatabaseUnavailableException", "ServiceUnavailableError"}
REFUSED = {"BadRequestException", "DatabaseErrorException"}
TOO_LARGE = ("Please paginate your query", "Database returned more than the allowed response size limit")
SQLSTATE = re.compile(r"SQLState: (\w{5})")
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0


class NeedsTransaction(aurora_data_api.DatabaseError):  # type: ignore[misc]
    """An answer too large for one call: it has to be read page by page, which only a transaction can."""


class PatientClient:
    """The calls of a boto3 `rds-data` client; waits while the cluster wakes, and raises the driver's errors."""

    def __init__(self, client: Any, *, patience_s: float) -> None:
        self.client = client
        self.patience_s = patience_s
        self.exceptions = client.exceptions

    def execute_statement(self, **arguments: Any) -> Any:
        return self.call(self.client.execute_statement, arguments)

    def batch_execute_statement(self, **arguments: Any) -> Any:
        return self.call(self.client.batch_execute_statement, arguments)

    def begin_transaction(self, **arguments: Any) -> Any:
        return self.call(self.client.begin_transaction, arguments)

    def commit_transaction(self, **arguments: Any) -> Any:
        return self.call(self.client.commit_transaction, arguments)

    def rollback_transaction(self, **arguments: Any) -> Any:
        return self.call(self.client.rollback_transaction, arguments)

    def call(self, operation: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        deadline, pause_s = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            try:
                return operation(**arguments)
            except ClientError as error:
                if any(words in str(error) for words in TOO_LARGE):
                    raise  # the driver's cursor knows what to do
                waking = error.response["Error"]["Code"] in NOT_YET_AWAKE
                if not waking or time.monotonic() + pause_s > deadline:
                    raise driver_error(error) from error
            except BotoCoreError as error:
                raise aurora_data_api.OperationalError(type(error).__name__) from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def driver_error(error: ClientError) -> aurora_data_api.DatabaseError:
    """The driver's error for an answer of the Data API, with `sqlstate` when PostgreSQL gave one."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    found = SQLSTATE.search(message)
    state = found[1] if found else ""
    kind = aurora_data_api.ProgrammingError
    if state.startswith("23"):
        kind = aurora_data_api.IntegrityError
    elif state.startswith("22"):
        kind = aurora_data_api.DataError
    elif state.startswith(("08", "40", "53", "55", "57", "58", "XX")) or (not state and code not in REFUSED):
        kind = aurora_data_api.OperationalError
    mended = kind(f"{code}: {message}")
    mended.sqlstate = state
    return mended


class Connection(AuroraDataAPIClient):  # type: ignore[misc]
    """With `autocommit` every statement is one call; otherwise the first one begins a transaction."""

    autocommit = False
    _transaction_id: str | None

    def cursor(self) -> "Cursor":
        if self._transaction_id is None and not self.autocommit:
            begun = self._client.begin_transaction(
                database=self._dbname, resourceArn=self._aurora_cluster_arn, secretArn=self._secret_arn
            )
            self._transaction_id = begun["transactionId"]
        return Cursor(
            client=self._client,
            dbname=self._dbname,
            aurora_cluster_arn=self._aurora_cluster_arn,
            secret_arn=self._secret_arn,
            transaction_id=self._transaction_id,
        )

    def rollback(self) -> None:
        try:
            super().rollback()
        except aurora_data_api.OperationalError:
            # A transaction that cannot be reached any more is rolled back by the cluster when its time is over.
            self._transaction_id = None

    def close(self) -> None:
        self.rollback()


def aware(text: str) -> datetime:
    """A timestamptz as the Data API writes it: in UTC, whether it says so or not."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


LOADERS: dict[str, Callable[[Any], Any]] = {
    "timestamptz": aware,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time_of_day.fromisoformat,
    "numeric": Decimal,
    "json": json.loads,
    "jsonb": json.loads,
}


class Cursor(AuroraDataAPICursor):  # type: ignore[misc]
    loaders: tuple[Callable[[Any], Any] | None, ...] = ()
    _iterator: Iterator[tuple[Any, ...]]

    def prepare_param(self, name: str, value: Any) -> dict[str, Any]:
        text = as_text(value)
        return super().prepare_param(name, value if text is None else text)  # type: ignore[no-any-return]

    def _set_description(self, column_metadata: list[Mapping[str, Any]]) -> None:
        super()._set_description(column_metadata)
        self.loaders = tuple(LOADERS.get(column["typeName"].lower()) for column in column_metadata)

    def _render_response(self, response: dict[str, Any]) -> dict[str, Any]:
        records = response.get("records", [])
        response["records"] = [
            tuple(
                value if value is None or load is None else load(value)
                for value, load in zip((self._render_value(field) for field in record), self.loaders, strict=True)
            )
            for record in records
        ]
        return response

    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().execute(operation, parameters)
        if self._paging_state:
            # The columns are known when the first page is there, and SQLAlchemy asks for them at once.
            first = list(islice(self._iterator, 1))
            self._iterator = chain(first, self._iterator)

    def _start_paginated_query(self, arguments: dict[str, Any], records_per_page: int | None = None) -> None:
        if self._transaction_id is None:
            raise NeedsTransaction("the answer is too large for one call")
        super()._start_paginated_query(arguments, records_per_page)
        # FETCH, which follows, has no parameters.
        self._paging_state["execute_statement_args"].pop("parameters", None)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        if not self._paging_state:
            yield from self._current_response.get("records", [])
            return
        name, size, read = self._paging_state["pg_cursor_name"], self._paging_state["records_per_page"], 0
        while True:
            try:
                page = self.run_paged(f"FETCH {size} FROM {name}")
            except ClientError as error:
                if size == 1:
                    raise driver_error(error) from error
                size //= 2
                self.run_paged(f"MOVE ABSOLUTE {read} IN {name}")
                continue
            if not self.description:
                self._set_description(page["columnMetadata"])
            yield from self._render_response(page)["records"]
            read += len(page["records"])
            if len(page["records"]) < size:
                return

    def run_paged(self, sql: str) -> Any:
        return self._client.execute_statement(**self._paging_state["execute_statement_args"] | {"sql": sql})


def as_text(value: Any) -> str | None:
    """A value that travels as text and is cast in the statement; None for what the driver binds rightly."""
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return "{" + ",".join(array_element(each) for each in value) + "}"
    return None


def array_element(value: Any) -> str:
    """Source: PostgreSQL documentation §8.15.6."""
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class Compiler(PGCompiler):
    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        """Written out, for `:name::type` has three colons in which to find a parameter."""
        kind = self.dialect.type_compiler_instance.process(dbapi_type, identifier_preparer=self.preparer)
        return f"CAST({sqltext} AS {kind})"


class BoundDateTime(types.DateTime):
    render_bind_cast = True


class BoundDate(types.Date):
    render_bind_cast = True


class BoundTime(types.Time):
    render_bind_cast = True


class BoundArray(ARRAY[Any]):
    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return None


class BoundJson(JSON):
    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class BoundJsonb(JSONB):
    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class DataApiDialect(PGDialect):
    driver = "aurora_data_api"
    default_paramstyle = "named"
    supports_statement_cache = True
    supports_sane_multi_rowcount = False
    statement_compiler = Compiler
    colspecs = PGDialect.colspecs | {
        types.DateTime: BoundDateTime,
        types.Date: BoundDate,
        types.Time: BoundTime,
        types.ARRAY: BoundArray,
        ARRAY: BoundArray,
        types.JSON: BoundJson,
        JSON: BoundJson,
        JSONB: BoundJsonb,
    }

    @classmethod
    def import_dbapi(cls) -> Any:
        return aurora_data_api

    def initialize(self, connection: Any) -> None:
        """What SQLAlchemy asks of a server at first is known: each question would be a call of its own."""
        self.server_version_info = (16,)
        self.default_schema_name = "public"
        self.default_isolation_level = "READ COMMITTED"

    def get_isolation_level_values(self, dbapi_conn: Any) -> tuple[Any, ...]:
        return ("READ COMMITTED", "AUTOCOMMIT")

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        return "AUTOCOMMIT" if dbapi_connection.autocommit else "READ COMMITTED"

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        dbapi_connection.autocommit = level == "AUTOCOMMIT"
