"""PostgreSQL over its own protocol: one machine, and the tests."""

import time
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper, TextLoader
from sqlalchemy import create_engine

from pacs.database.engine import EngineDatabase

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5


def adapters() -> AdaptersMap:
    """How values travel: as over the Data API, so that what runs on one machine runs in the cloud."""
    known = AdaptersMap(psycopg.adapters)
    known.register_dumper(str, StrDumper)
    known.register_dumper(int, Int8Dumper)
    known.register_loader("uuid", TextLoader)
    return known


class PsycopgDatabase(EngineDatabase):
    """`dsn` is libpq's connection string or URL. Safe to share between threads, not across a fork.

    A connection that the server has closed is replaced before it is used. While the server does not take
    connections (it is being restarted) a call waits for up to `patience_s`, then raises DatabaseUnavailable.
    """

    def __init__(self, dsn: str, *, connections: int = 8, patience_s: float = 5.0) -> None:
        self.dsn = dsn
        self.patience_s = patience_s
        self.adapters = adapters()
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self.connect,
            isolation_level="AUTOCOMMIT",
            pool_size=2,
            max_overflow=connections - 2,
            pool_timeout=10,
            pool_pre_ping=True,
            use_native_hstore=False,
            hide_parameters=True,
        )
        super().__init__(engine)

    def connect(self) -> psycopg.Connection[Any]:
        deadline, pause_s = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            try:
                return psycopg.connect(self.dsn, context=self.adapters, prepare_threshold=None)
            except psycopg.OperationalError:
                if time.monotonic() + pause_s > deadline:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
