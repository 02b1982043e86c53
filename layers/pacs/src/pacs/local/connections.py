"""How do the machine's own tables reach PostgreSQL? By connections that threads take turns with. Asked by queue and
workflow, whose tables are no part of the database that `pacs.database` knows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pacs.errors import Unavailable

CONNECT_TIMEOUT_S = 5


class Connections:
    """Connections of one process, in autocommit. `what` does not answer when PostgreSQL does not."""

    def __init__(self, dsn: str, what: str) -> None:
        self._dsn = dsn
        self._what = what
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Run one statement; its rows, or none. Raises Unavailable."""
        with self.one() as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of one's own; one that failed is not used again. Raises Unavailable."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
            yield connection
        except BaseException as error:
            if connection:
                connection.close()
            if isinstance(error, psycopg.Error):
                self.close()  # the idle ones most likely lead to the same server that is gone
                raise Unavailable(f"{self._what} do not answer: {type(error).__name__}") from error
            raise
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()
