"""The RDS Data API's five calls over psycopg, as an HTTP server that a real boto3 client talks to.

It keeps to what the real one does and PostgreSQL's own protocol does not: a string is text and an integer bigint,
there are no array parameters, a parameter that the statement does not name is refused, times come back in UTC
without a zone, an answer ends at 1 MiB, and errors are texts that end in `SQLState: …`.

Source: Amazon RDS Data API reference (ExecuteStatement, BatchExecuteStatement, BeginTransaction, …).
"""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper, TextLoader

Json = dict[str, Any]

ANSWER_LIMIT_BYTES = 1024 * 1024
PARAMETER = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$\$.*?\$\$|--[^\n]*|::|:([A-Za-z_]\w*)", re.DOTALL)
HINTS: dict[str, str] = {"DATE": "date", "TIME": "time", "TIMESTAMP": "timestamp", "DECIMAL": "numeric"}
HINTS |= {"UUID": "uuid", "JSON": "json"}


class Refusal(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class DataApiEmulator:
    """`dsn` names the server; `calls` counts the requests by path. `resuming` refuses that many calls first."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.calls: list[str] = []
        self.resuming = 0
        self.transactions: dict[str, psycopg.Connection[Any]] = {}
        self.idle: list[psycopg.Connection[Any]] = []
        self.lock = threading.Lock()
        self.routes: dict[str, Callable[[Json], Json]] = {
            "/Execute": self.execute,
            "/BatchExecute": self.batch_execute,
            "/BeginTransaction": self.begin,
            "/CommitTransaction": lambda body: self.end(body, "commit", "Transaction Committed"),
            "/RollbackTransaction": lambda body: self.end(body, "rollback", "Rollback Complete"),
        }

    def answer(self, path: str, body: Json) -> Json:
        with self.lock:
            self.calls.append(path)
            if self.resuming:
                self.resuming -= 1
                raise Refusal("DatabaseResumingException", "The database is resuming after being auto-paused")
        try:
            return self.routes[path](body)
        except psycopg.errors.Error as error:
            raise refusal(error) from error

    def connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.dsn)
        connection.adapters.register_dumper(str, StrDumper)
        connection.adapters.register_dumper(int, Int8Dumper)
        for name in ("uuid", "json", "jsonb"):
            connection.adapters.register_loader(name, TextLoader)
        return connection

    @contextmanager
    def connection(self, body: Json) -> Iterator[psycopg.Connection[Any]]:
        """The transaction's connection, or one whose statement is committed by itself."""
        if "transactionId" in body:
            if body["transactionId"] not in self.transactions:
                raise Refusal("TransactionNotFoundException", f"Transaction {body['transactionId']} is not found", 404)
            yield self.transactions[body["transactionId"]]
            return
        with self.lock:
            connection = self.idle.pop() if self.idle else None
        connection = connection if connection and not connection.broken else self.connect()
        try:
            with connection.transaction():
                yield connection
        finally:
            if connection.broken:
                connection.close()
            else:
                with self.lock:
                    self.idle.append(connection)

    def execute(self, body: Json) -> Json:
        with self.connection(body) as connection:
            cursor = connection.execute(*positional(body["sql"], body.get("parameters", [])))
            if cursor.description is None:
                return {"numberOfRecordsUpdated": max(cursor.rowcount, 0), "generatedFields": []}
            names = [type_name(connection, each.type_code) for each in cursor.description]
            records = [[field(value) for value in row] for row in cursor.fetchall()]
        answer: Json = {"records": records, "numberOfRecordsUpdated": 0}
        if len(json.dumps(records)) > ANSWER_LIMIT_BYTES:
            raise Refusal("BadRequestException", "Database returned more than the allowed response size limit")
        if body.get("includeResultMetadata"):
            answer["columnMetadata"] = [
                {"name": each.name, "label": each.name, "typeName": name, "nullable": 1}
                for each, name in zip(cursor.description, names, strict=True)
            ]
        return answer

    def batch_execute(self, body: Json) -> Json:
        with self.connection(body) as connection:
            for parameters in body.get("parameterSets", []):
                connection.execute(*positional(body["sql"], parameters))
        return {"updateResults": [{"generatedFields": []} for _ in body.get("parameterSets", [])]}

    def begin(self, body: Json) -> Json:
        name = uuid.uuid4().hex
        self.transactions[name] = self.connect()
        return {"transactionId": name}

    def end(self, body: Json, how: str, status: str) -> Json:
        with self.connection(body) as connection:
            getattr(connection, how)()
        self.transactions.pop(body["transactionId"]).close()
        return {"transactionStatus": status}

    def close(self) -> None:
        for connection in (*self.transactions.values(), *self.idle):
            connection.close()


def positional(sql: str, parameters: list[Json]) -> tuple[bytes, list[Any] | None]:
    """Named parameters as psycopg's positional ones, each with the cast its type hint asks for."""
    known = {each["name"]: each for each in parameters}
    values: list[Any] = []

    def replace(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0].replace("%", "%%") if parameters else found[0]
        if found[1] not in known:
            raise Refusal("BadRequestException", f"Cannot find parameter: {found[1]}")
        values.append(value_of(known[found[1]]["value"]))
        hint = HINTS.get(known[found[1]].get("typeHint", ""))
        return f"cast(%s as {hint})" if hint else "%s"

    text = ""
    at = 0
    for found in PARAMETER.finditer(sql):
        between = sql[at : found.start()]
        text += (between.replace("%", "%%") if parameters else between) + replace(found)
        at = found.end()
    rest = sql[at:].replace("%", "%%") if parameters else sql[at:]
    unused = set(known) - {found[1] for found in PARAMETER.finditer(sql)}
    if unused:
        raise Refusal("BadRequestException", f"Parameters that the statement does not name: {sorted(unused)}")
    return (text + rest).encode(), values if parameters else None


def value_of(value: Json) -> Any:
    [(kind, content)] = value.items()
    if kind == "isNull":
        return None
    if kind == "arrayValue":
        raise Refusal("BadRequestException", "Array parameters are not supported.")
    return base64.b64decode(content) if kind == "blobValue" else content


def type_name(connection: psycopg.Connection[Any], oid: int) -> str:
    known = connection.adapters.types.get(oid)
    if known is None:
        return "unknown"
    return "_" + known.name if known.array_oid == oid else known.name


def field(value: Any) -> Json:
    """One value of an answer."""
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, bytes):
        return {"blobValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": array(value)}
    if isinstance(value, datetime):
        return {"stringValue": str(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)}
    if isinstance(value, date | time | Decimal | uuid.UUID):
        return {"stringValue": str(value)}
    return {"stringValue": value}


def array(values: list[Any]) -> Json:
    kind, *others = {next(iter(field(each))) for each in values} or {"stringValue"}
    if others or kind not in ("stringValue", "longValue", "doubleValue", "booleanValue"):
        raise Refusal("UnsupportedResultException", "The result contains the unsupported data type ARRAY")
    return {kind.replace("Value", "Values"): [field(each)[kind] for each in values]}


def refusal(error: psycopg.errors.Error) -> Refusal:
    """PostgreSQL's error as the Data API words it."""
    if isinstance(error, psycopg.DataError) and error.sqlstate is None:  # psycopg's own check
        return Refusal("DatabaseErrorException", "ERROR: invalid byte sequence for encoding; SQLState: 22021")
    if error.sqlstate is None or error.sqlstate.startswith("57P"):
        return Refusal("DatabaseUnavailableException", "The writer instance in the DB cluster isn't available", 504)
    position = f"\n  Position: {error.diag.statement_position}" if error.diag.statement_position else ""
    detail = f"\n  Detail: {error.diag.message_detail}" if error.diag.message_detail else ""
    message = f"ERROR: {error.diag.message_primary}{detail}{position}; SQLState: {error.sqlstate}"
    return Refusal("DatabaseErrorException", message)


def handler_for(emulator: DataApiEmulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            try:
                self.reply(200, emulator.answer(self.path, body))
            except Refusal as error:
                self.reply(error.status, {"message": error.message}, error.code)

        def reply(self, status: int, document: Json, error: str = "") -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: pytest's output is for its results."""

    return Handler


@contextmanager
def serve(dsn: str) -> Iterator[tuple[DataApiEmulator, str]]:
    """An emulator at work, and the endpoint to give boto3."""
    emulator = DataApiEmulator(dsn)

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(emulator))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield emulator, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        emulator.close()
