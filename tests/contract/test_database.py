"""The port Database: one suite over psycopg and over the Data API's driver, on the same PostgreSQL."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert, select, text, update

from pacs.database import migrate, tables
from pacs.database.engine import EngineDatabase
from pacs.errors import BadRequest, Conflict, DatabaseUnavailable, NotConfigured, PacsError
from tests.contract.conftest import DataApi, Opener
from tests.database.rows import ORGANIZATION, row

CLUSTER = "arn:aws:rds:eu-central-1:000000000000:cluster:pacs"
SECRET = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:pacs"
MOMENT = datetime(2024, 5, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=3)))
INDEX = text("select sop_instance_uid, object_key, changed from index_instances(cast(:rows as jsonb))")
NEW_ORGANIZATION = text("insert into organizations (id, name) values (cast(:id as uuid), :name)")


def names(database: EngineDatabase) -> list[str]:
    return [each["name"] for each in database.fetch(text("select name from organizations order by name"))]


def add(database: Any, name: str, *, id: str = "") -> None:
    database.fetch(NEW_ORGANIZATION, {"id": id or str(uuid.uuid4()), "name": name})


# Values


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 'İstanbul\'da \\ "şüpheli" :not_a_name'),
        ("text", ""),
        ("bigint", 2**62),
        ("integer", -7),
        ("double precision", 0.1),
        ("boolean", True),
        ("boolean", False),
        ("timestamptz", MOMENT),
        ("date", date(2024, 2, 29)),
        ("bytea", bytes(range(256))),
        ("jsonb", {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yılmaz^Ayşe"}]}, "n": [1, 2.5, None, True]}),
        ("jsonb", [{"a": 1}, {"b": [1]}]),
        ("jsonb", ["a", "b"]),
        ("jsonb", []),
        ("text[]", ["a", 'b"', "c\\", "{d,e}", "NULL", ""]),
        ("bigint[]", [1, 2]),
        ("text", None),
        ("uuid", None),
        ("jsonb", None),
    ],
)
def test_a_value_comes_back_as_it_went(database: EngineDatabase, kind: str, value: Any) -> None:
    [found] = database.fetch(text(f"select cast(:value as {kind}) as value"), {"value": value})
    assert found == {"value": value}
    assert type(found["value"]) is type(value)


def test_a_time_comes_back_aware(database: EngineDatabase) -> None:
    [found] = database.fetch(text("select :moment as moment, now() as now"), {"moment": MOMENT})
    assert found["moment"] == MOMENT
    assert found["moment"].utcoffset() == timedelta(0)
    assert abs(found["now"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_time_without_zone_is_refused(database: EngineDatabase) -> None:
    with pytest.raises(TypeError):
        database.fetch(text("select :moment"), {"moment": datetime(2024, 5, 1)})


def test_a_uuid_is_a_string_however_it_went(database: EngineDatabase) -> None:
    known = uuid.uuid4()
    [found] = database.fetch(text("select cast(:a as uuid) a, :b b"), {"a": str(known), "b": known})
    assert found == {"a": str(known), "b": str(known)}


def test_a_string_is_text_and_nothing_else(database: EngineDatabase) -> None:
    """The Data API does not guess, so psycopg must not either, or one machine would hide the cloud's faults."""
    with pytest.raises(PacsError):
        database.fetch(text("select 1 from studies where organization_id = :id"), {"id": ORGANIZATION})


def test_any_of_a_list(database: EngineDatabase) -> None:
    for name in ("a", "b", "c"):
        add(database, name)
    some = text("select name from organizations where name = any(:names) order by name")
    assert [each["name"] for each in database.fetch(some, {"names": ["c", "a", "x"]})] == ["a", "c"]
    assert database.fetch(some, {"names": []}) == []
    ids = [each["id"] for each in database.fetch(text("select id from organizations"))]
    by_id = text("select count(*) as count from organizations where id = any(cast(:ids as uuid[]))")
    assert database.fetch(by_id, {"ids": ids[:2]}) == [{"count": 2}]


def test_the_same_name_twice_in_a_statement(database: EngineDatabase) -> None:
    found = database.fetch(text("select cast(:x as text) as a, cast(:x as text) as b, '10:30' as c"), {"x": "y"})
    assert found == [{"a": "y", "b": "y", "c": "10:30"}]


def test_core_statements(database: EngineDatabase) -> None:
    organization, member = str(uuid.uuid4()), str(uuid.uuid4())
    database.fetch(insert(tables.organizations).values(id=organization, name="o", created_at=MOMENT))
    values = {"id": member, "organization_id": organization, "email": "A@b.example", "name": "n", "role": "admin"}
    members = tables.organization_members
    made = insert(members).values(**values, password_hash="h").returning(members.c.manager)
    assert database.fetch(made) == [{"manager": False}]
    changed = update(members).where(members.c.id.in_([member, organization])).values(manager=True)
    assert database.fetch(changed) == []
    [found] = database.fetch(
        select(members, tables.organizations.c.created_at.label("since"))
        .join_from(members, tables.organizations)
        .where(tables.organizations.c.created_at <= MOMENT)
    )
    assert {name: found[name] for name in values} == values
    assert (found["manager"], found["since"]) == (True, MOMENT)


def test_core_json_and_null(database: EngineDatabase) -> None:
    database.fetch(INDEX, {"rows": [row()]})
    database.fetch(update(tables.studies).values(dicom={"x": ["ş"]}, branch_id=None))
    [found] = database.fetch(select(tables.studies.c.dicom, tables.studies.c.branch_id))
    assert found == {"dicom": {"x": ["ş"]}, "branch_id": None}


# Transactions and errors


def test_one_statement_is_committed_by_itself(database: EngineDatabase, fresh_dsn: str) -> None:
    add(database, "one")
    with psycopg.connect(fresh_dsn) as other:
        assert other.execute("select name from organizations").fetchall() == [("one",)]


def test_a_transaction_is_all(database: EngineDatabase, fresh_dsn: str) -> None:
    with database.transaction() as statements:
        add(statements, "one")
        add(statements, "two")
        assert names(database) == []
        assert statements.fetch(text("select count(*) as count from organizations")) == [{"count": 2}]
    assert names(database) == ["one", "two"]


def test_a_transaction_is_nothing_after_an_error_of_the_caller(database: EngineDatabase) -> None:
    with pytest.raises(KeyError), database.transaction() as statements:
        add(statements, "one")
        raise KeyError
    assert names(database) == []


def test_a_transaction_is_nothing_after_an_error_even_a_caught_one(database: EngineDatabase) -> None:
    known = str(uuid.uuid4())
    with pytest.raises(Conflict), database.transaction() as statements:
        add(statements, "one", id=known)
        with pytest.raises(Conflict):
            add(statements, "again", id=known)
    assert names(database) == []


def test_a_second_of_what_must_be_one_is_a_conflict(database: EngineDatabase) -> None:
    known = str(uuid.uuid4())
    add(database, "Ayşe Yılmaz", id=known)
    with pytest.raises(Conflict) as caught:
        add(database, "Ayşe Yılmaz", id=known)
    assert known not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("statement", "parameters", "kind"),
    [
        ("insert into organizations (id, name) values (gen_random_uuid(), :x)", {"x": None}, BadRequest),
        ("select cast(:x as uuid)", {"x": "Yılmaz"}, BadRequest),
        ("select cast(:x as timestamptz)", {"x": "yesterday or so"}, BadRequest),
        ("select :x", {"x": "Yılmaz\0"}, BadRequest),
        ("select 1 / cast(:x as integer)", {"x": 0}, BadRequest),
        (
            "insert into branches (id, organization_id, code, name)"
            " values (gen_random_uuid(), gen_random_uuid(), :x, :x)",
            {"x": "DEV"},
            Conflict,
        ),
        ("select nothing from nowhere where x = :x", {"x": 1}, PacsError),
        ("selec :x", {"x": 1}, PacsError),
    ],
)
def test_errors_are_ours_and_quote_no_value(
    database: EngineDatabase, statement: str, parameters: dict[str, Any], kind: type[PacsError]
) -> None:
    with pytest.raises(PacsError) as caught:
        database.fetch(text(statement), parameters)
    assert type(caught.value) is kind
    assert "Yılmaz" not in str(caught.value)


def test_the_loser_of_a_deadlock_is_run_again(database: EngineDatabase, fresh_dsn: str) -> None:
    """The statement holds a and waits for b, whose holder then asks for a; the holder is set to wait the longer."""
    for name in ("a", "b"):
        add(database, name)
    lock = text("select name from organizations where name = any(:names) order by name for update")
    with psycopg.connect(fresh_dsn) as rival, ThreadPoolExecutor(1) as threads:
        rival.execute("set deadlock_timeout to '60s'")
        rival.execute("select 1 from organizations where name = 'b' for update")
        waiting = threads.submit(database.fetch, lock, {"names": ["a", "b"]})
        while not names_of_waiting(fresh_dsn):
            assert not waiting.done()
        rival.execute("select 1 from organizations where name = 'a' for update")
        rival.commit()
        assert waiting.result() == [{"name": "a"}, {"name": "b"}]


def names_of_waiting(dsn: str) -> list[Any]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select pid from pg_stat_activity where wait_event_type = 'Lock'").fetchall()


# Migrations and the index


def test_migrations_run_from_nothing_and_again(open_database: Opener, empty_dsn: str) -> None:
    database = open_database(empty_dsn)
    assert migrate.current(database) is None
    with ThreadPoolExecutor(2) as threads:
        reached = list(threads.map(lambda _: migrate.upgrade(database), range(2)))
    assert reached == [migrate.current(database)] * 2
    database.fetch(INDEX, {"rows": [row()]})
    assert migrate.upgrade(database) == reached[0]
    assert database.fetch(text("select count(*) as count from studies")) == [{"count": 1}]


def test_a_newer_database_is_left_alone(database: EngineDatabase) -> None:
    database.fetch(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(NotConfigured, match="newer") as caught:
        migrate.upgrade(database)
    assert "9999" in caught.value.message
    assert migrate.current(database) == "9999"


def test_batches_of_one_series_at_once(database: EngineDatabase) -> None:
    batches = [[row(instance=f"1.2.1.{number}") for number in range(at, at + 20)] for at in range(0, 160, 10)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda batch: database.fetch(INDEX, {"rows": batch}), batches))
    assert sum(each["changed"] for answer in answers for each in answer) == 170
    [series] = database.fetch(select(tables.series))
    assert (series["number_of_instances"], series["size_bytes"]) == (170, 170_000)


def test_an_answer_of_several_megabytes(database: EngineDatabase) -> None:
    """Rows of growing length: what fits into one call of the Data API gets less and less, down to the last page."""
    long = text("select n, repeat('x', n) as word from generate_series(1, cast(:last as integer)) n order by n")
    found = database.fetch(long, {"last": 2600})
    assert [(each["n"], len(each["word"])) for each in found] == [(n, n) for n in range(1, 2601)]


# The Data API alone


def test_a_single_statement_is_a_single_call(data_api: DataApi, fresh_dsn: str) -> None:
    database = data_api(fresh_dsn)
    add(database, "one")
    database.fetch(select(tables.organizations))
    assert data_api.emulators[0].calls == ["/Execute", "/Execute"]


def test_a_transaction_is_begun_and_ended_once(data_api: DataApi, fresh_dsn: str) -> None:
    database = data_api(fresh_dsn)
    with database.transaction() as statements:
        add(statements, "one")
        add(statements, "two")
    assert data_api.emulators[0].calls == ["/BeginTransaction", "/Execute", "/Execute", "/CommitTransaction"]


def test_a_waking_cluster_is_waited_for(data_api: DataApi, fresh_dsn: str) -> None:
    database = data_api(fresh_dsn)
    data_api.emulators[0].resuming = 2
    add(database, "one")
    assert names(database) == ["one"]


def test_a_cluster_that_does_not_wake_is_unavailable(data_api: DataApi, fresh_dsn: str) -> None:
    database = data_api(fresh_dsn, patience_s=0.1)
    data_api.emulators[0].resuming = 100
    with pytest.raises(DatabaseUnavailable):
        add(database, "one")


def test_an_endpoint_that_is_not_there_is_unavailable(data_api: DataApi, fresh_dsn: str) -> None:
    database = data_api(fresh_dsn)
    data_api.stack.close()
    with pytest.raises(DatabaseUnavailable):
        database.fetch(text("select 1"))
