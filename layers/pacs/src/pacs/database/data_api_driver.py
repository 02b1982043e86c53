"""PostgreSQL through the RDS Data API: in the cloud, from functions that stand outside the VPC."""

from typing import Any

import boto3
from sqlalchemy import Executable, create_engine, exc
from sqlalchemy.dialects import registry
from sqlalchemy.pool import NullPool

from pacs.database.data_api_dialect import Connection, NeedsTransaction, PatientClient
from pacs.database.engine import EngineDatabase, Parameters, rows_of
from pacs.ports import Rows

registry.register("postgresql.aurora_data_api", "pacs.database.data_api_dialect", "DataApiDialect")


class DataApiDatabase(EngineDatabase):
    """A statement is one HTTP call; a connection is nothing but a name for a transaction. Safe between threads.

    While a paused cluster wakes, which takes some 15 s, a call waits for up to `patience_s`, then raises
    DatabaseUnavailable. An answer of more than 1 MiB is read page by page, in some four calls more.
    """

    def __init__(
        self, cluster_arn: str, secret_arn: str, database: str, client: Any = None, *, patience_s: float = 20.0
    ) -> None:
        self.cluster_arn = cluster_arn
        self.secret_arn = secret_arn
        self.database = database
        self.client = PatientClient(client or boto3.client("rds-data"), patience_s=patience_s)
        engine = create_engine(
            "postgresql+aurora_data_api://",
            creator=self.connect,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            hide_parameters=True,
        )
        super().__init__(engine)

    def connect(self) -> Connection:
        return Connection(
            dbname=self.database,
            aurora_cluster_arn=self.cluster_arn,
            secret_arn=self.secret_arn,
            rds_data_client=self.client,
        )

    def run(self, statement: Executable, parameters: Parameters) -> Rows:
        try:
            return super().run(statement, parameters)
        except exc.DBAPIError as error:
            if not isinstance(error.orig, NeedsTransaction):
                raise
        with self.transactional.begin() as connection:
            return rows_of(connection, statement, parameters)
