"""What PostgreSQL adds to the contract of `Database`: sessions that end, a server that restarts, secrets in its URL."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from asyncpg import exceptions

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.migrate import Migration
from evercert.db.pg.failures import as_told
from evercert.db.postgres import PostgresDatabase
from evercert.db.protocol import Query
from tests.db.numbers import ADD, ALL, COUNT, NUMBERS, RENAME
from tests.peers.postgres import Postgres

SLEEP = Query("sleep", "SELECT pg_sleep(CAST(:tenths AS INTEGER) * 0.1)")
WHO = Query("who", "SELECT pg_backend_pid()")


@pytest.fixture
async def db(postgres: Postgres) -> AsyncIterator[PostgresDatabase]:
    opened = await PostgresDatabase.open(postgres.fresh(NUMBERS), NUMBERS)
    yield opened
    await opened.close()


def kill_others(postgres: Postgres, where: str) -> None:
    postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {where}")


async def until_busy(postgres: Postgres, words: str) -> None:
    """Returns once the server is at a statement with those words."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active'"
    busy = f"{others} AND query LIKE '{words}'"
    async with asyncio.timeout(20):
        while (await asyncio.to_thread(postgres.run, busy)).strip() == "0":
            await asyncio.sleep(0.02)


async def test_idle_sessions_that_ended_are_replaced_without_a_word(postgres: Postgres, db: PostgresDatabase) -> None:
    await asyncio.gather(*(db.write(ADD(n=n, word="x")) for n in range(30)))
    await asyncio.gather(*(db.rows(ALL()) for _ in range(30)))
    kill_others(postgres, "application_name = 'evercert'")
    await asyncio.gather(*(db.write(ADD(n=n, word="x"), RENAME(n=n, word="y")) for n in range(30, 60)))
    assert await db.rows(COUNT()) == [(60,)]


async def test_a_session_killed_in_a_transaction_leaves_nothing_and_the_work_is_done_again(
    postgres: Postgres, db: PostgresDatabase
) -> None:
    writing = asyncio.create_task(db.write(ADD(n=1, word="x"), SLEEP(tenths=3), RENAME(n=1, word="y").expecting(1)))
    await until_busy(postgres, "%pg_sleep%INTEGER%")
    kill_others(postgres, "query LIKE '%pg_sleep%'")
    await writing
    assert await db.rows(ALL()) == [(1, "y")]


async def test_the_fate_of_one_statement_whose_session_is_killed_is_unknown_and_said_to_be(
    postgres: Postgres, db: PostgresDatabase
) -> None:
    writing = asyncio.create_task(db.write(SLEEP(tenths=100)))
    await until_busy(postgres, "%pg_sleep%INTEGER%")
    kill_others(postgres, "query LIKE '%pg_sleep%'")
    with pytest.raises(EvercertError, match=r"was lost|starting or stopping") as caught:
        await writing
    assert caught.value.code.name == "store"
    await db.write(ADD(n=1, word="x"))


SLOW_COMMIT = """
CREATE FUNCTION dawdle() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN new; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (new.n = 1) EXECUTE FUNCTION dawdle();
"""


async def test_a_session_killed_at_the_commit_is_told_and_nothing_is_done_twice(postgres: Postgres) -> None:
    name = postgres.fresh_name(NUMBERS)
    postgres.run(SLOW_COMMIT, name)
    db = await PostgresDatabase.open(postgres.url(name), NUMBERS)
    writing = asyncio.create_task(db.write(ADD(n=1, word="x"), ADD(n=2, word="x")))
    await until_busy(postgres, "COMMIT")
    kill_others(postgres, "query = 'COMMIT'")
    with pytest.raises(EvercertError) as caught:
        await writing
    assert caught.value.code.name == "store"
    assert await db.rows(ALL()) == []
    await db.close()


async def test_a_read_whose_session_is_killed_is_asked_again(postgres: Postgres, db: PostgresDatabase) -> None:
    reading = asyncio.create_task(db.read(SLEEP(tenths=5), WHO()))
    await until_busy(postgres, "%pg_sleep%INTEGER%")
    kill_others(postgres, "query LIKE '%pg_sleep%'")
    assert len(await reading) == 2


async def test_work_goes_on_over_a_restart_of_the_server() -> None:
    with Postgres() as server:
        db = await PostgresDatabase.open(server.fresh(NUMBERS), NUMBERS, patience=30)
        stop = asyncio.Event()
        answered: list[int] = []

        async def write_on(first: int) -> None:
            for n in range(first, first + 100_000):
                with suppress(EvercertError):
                    await db.write(ADD(n=n, word="x"), RENAME(n=n, word="y").expecting(1))
                    answered.append(n)
                if stop.is_set():
                    return

        with db.listen("numbers") as wakeup:
            tasks = [asyncio.create_task(write_on(k * 100_000)) for k in range(4)]
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.stop)
            before = len(answered)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(30):
                while len(answered) < before + 100:
                    await asyncio.sleep(0.05)
                stop.set()
                await asyncio.gather(*tasks)
                await wakeup.wait()
                db.notify("numbers")
                await wakeup.wait()
        kept = {n for n, word in await db.rows(ALL()) if word == "y"}
        assert set(answered) <= kept
        await db.close()


async def test_a_server_that_stays_away_is_told_in_time() -> None:
    with Postgres() as server:
        db = await PostgresDatabase.open(server.fresh(NUMBERS), NUMBERS, patience=0.3)
        await asyncio.to_thread(server.stop)
        for attempt in (db.write(ADD(n=1, word="x")), db.rows(ALL())):
            with pytest.raises(EvercertError) as caught:
                async with asyncio.timeout(20):
                    await attempt
            assert caught.value.code.name == "store"
            assert "PostgreSQL runs" in caught.value.hint
        await db.close()
        await asyncio.to_thread(server.start)


async def test_who_waits_too_long_for_a_session_is_told_so_and_nobody_else_is_harmed(postgres: Postgres) -> None:
    db = await PostgresDatabase.open(postgres.fresh(NUMBERS), NUMBERS, connections=2, patience=0.2)
    long = [asyncio.create_task(db.write(SLEEP(tenths=10))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(EvercertError, match=r"all 2 sessions .* were busy for 0.2 s"):
        await db.write(ADD(n=1, word="x"))
    await asyncio.gather(*long)
    await db.write(ADD(n=1, word="x"))
    await db.close()


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(postgres: Postgres) -> None:
    db = await PostgresDatabase.open(postgres.fresh(NUMBERS), NUMBERS, statement_seconds=0.2)
    with pytest.raises(EvercertError, match="took too long") as caught:
        await db.write(ADD(n=1, word="x"), SLEEP(tenths=100))
    assert caught.value.code.name == "store"
    assert await db.rows(COUNT()) == [(0,)]
    await db.close()


async def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = Secret(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(EvercertError, match="took too long"):
            await PostgresDatabase.open(url, connect_seconds=0.2)


@pytest.mark.parametrize("words", [{"word": "a\0b"}, {"word": 7}, {"word": b"x"}, {"n": "1"}, {"word": "\ud800"}])
async def test_a_value_that_a_column_cannot_hold_is_bad_input(db: PostgresDatabase, words: dict[str, object]) -> None:
    for more in ((), (RENAME(n=2, word="y"),)):
        with pytest.raises(EvercertError) as caught:
            await db.write(ADD(**{"n": 1, "word": "x"} | words), *more)  # type: ignore[arg-type]  # that is the point
        assert caught.value.code.name == "bad-input"
        assert caught.value.hint
    await db.write(ADD(n=1, word="x"))
    assert await db.rows(ALL()) == [(1, "x")]


async def test_a_plan_of_before_a_migration_is_made_again(db: PostgresDatabase) -> None:
    everything = Query("everything", "SELECT * FROM numbers")
    await db.write(ADD(n=1, word="x"))
    for _ in range(3):
        await db.rows(everything())
    await db.write(Query("alter", "ALTER TABLE numbers ADD COLUMN more TEXT")())
    assert await db.rows(everything()) == [(1, "x", None)]
    assert await db.read(everything(), COUNT()) == [[(1, "x", None)], [(1,)]]


async def test_writes_are_durable_when_they_return_whatever_the_server_s_habit(postgres: Postgres) -> None:
    name = postgres.fresh_name(NUMBERS)
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    db = await PostgresDatabase.open(postgres.url(name), NUMBERS)
    assert await db.write(Query("how", "SHOW synchronous_commit")()) == [[("on",)]]
    await db.close()


PASSWORD = "hunter2:@/?#[]% \\' unguessable"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{0}@127.0.0.1:1/x",
        "postgresql://me:{0}@127.0.0.1:notaport/x",
        "postgresql://me:{0}@[::1/x",
        "postgresql://me@127.0.0.1:1/x?password={0}",
        "postgresql://me@127.0.0.1:1/x?sslmode={0}",
        "mysql://me:{0}@127.0.0.1/x",
        "postgresql://me:{0}",
        "postgresql://me:{0}/x",
    ],
)
@pytest.mark.parametrize("quoted", [False, True])
async def test_a_password_is_in_no_error_and_no_log(url: str, quoted: bool, caplog: pytest.LogCaptureFixture) -> None:
    from traceback import format_exception
    from urllib.parse import quote

    caplog.set_level(logging.DEBUG)
    whole = url.format(quote(PASSWORD, safe="") if quoted else PASSWORD)
    with pytest.raises(EvercertError) as caught:
        await PostgresDatabase.open(Secret(whole), patience=0.01)
    told = "".join(format_exception(caught.value)) + repr(caught.value) + caught.value.hint + caplog.text
    assert "hunter2" not in told
    assert "unguessable" not in told


async def test_a_password_that_is_wrong_or_right(tmp_path: Path) -> None:
    with Postgres(authentication="scram-sha-256") as server:
        server.run("CREATE ROLE me LOGIN PASSWORD 'hunter2'; CREATE DATABASE mine OWNER me")
        right = server.url("mine", "me:hunter2")
        db = await PostgresDatabase.open(right, NUMBERS)
        assert "hunter2" not in repr(vars(db))
        await db.close()
        for wrong in (server.url("mine", "me:hunter3"), server.url("mine", "nobody:hunter2")):
            with pytest.raises(EvercertError, match="does not let us in"):
                await PostgresDatabase.open(wrong, NUMBERS)


async def test_of_several_servers_the_primary_is_found_and_a_standby_alone_is_told(postgres: Postgres) -> None:
    name = postgres.fresh_name(NUMBERS)
    several = Secret(postgres.url(name).text().replace("?host=", "?host=/nowhere,"))
    db = await PostgresDatabase.open(several, NUMBERS)
    assert await db.rows(COUNT()) == [(0,)]
    await db.close()
    with Postgres() as standby:
        standby.stop()
        standby.follow()
        standby.start()
        with pytest.raises(EvercertError, match="is read-only") as caught:
            await PostgresDatabase.open(standby.url("postgres"), NUMBERS)
        assert "name the primary" in caught.value.hint


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (exceptions.UniqueViolationError("x"), "conflict", "something else"),
        (exceptions.ForeignKeyViolationError("x"), "conflict", "something else"),
        (exceptions.CheckViolationError("x"), "conflict", "something else"),
        (exceptions.RaiseError("x"), "conflict", "something else"),
        (exceptions.SerializationError("x"), "conflict", "always first"),
        (exceptions.DeadlockDetectedError("x"), "conflict", "always first"),
        (exceptions.CharacterNotInRepertoireError("x"), "bad-input", "cannot keep a value"),
        (exceptions.NumericValueOutOfRangeError("x"), "bad-input", "cannot keep a value"),
        (exceptions.DiskFullError("x"), "store", "not enough room"),
        (exceptions.TooManyConnectionsError("x"), "store", "not enough room, memory or connections"),
        (exceptions.InvalidPasswordError("x"), "store", "does not let us in"),
        (exceptions.InsufficientPrivilegeError("x"), "store", "does not allow it"),
        (exceptions.ReadOnlySQLTransactionError("x"), "store", "read-only"),
        (exceptions.QueryCanceledError("x"), "store", "took too long"),
        (exceptions.AdminShutdownError("x"), "store", "starting or stopping"),
        (exceptions.CannotConnectNowError("x"), "store", "starting or stopping"),
        (exceptions.ConnectionDoesNotExistError("x"), "store", "was lost"),
        (exceptions.InterfaceError("x"), "store", "was lost"),
        (exceptions.InvalidSQLStatementNameError("x"), "store", "mixes sessions up"),
        (exceptions.DuplicatePreparedStatementError("x"), "store", "mixes sessions up"),
        (exceptions.DataCorruptedError("x"), "store", "damaged"),
        (exceptions.PostgresIOError("x"), "store", "the disk failed"),
        (ConnectionRefusedError(), "store", "db.test/certs cannot be reached"),
        (socket.gaierror("no such name"), "store", "db.test/certs cannot be reached"),
        (ConnectionResetError(), "store", "was lost"),
        (PermissionError(), "store", "may not be read by this user"),
        (TimeoutError(), "store", "took too long"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_failure_of_postgresql_is_told_with_a_way_out(failure: Exception, code: str, words: str) -> None:
    told = as_told(failure, "db.test/certs")
    assert told.code.name == code
    assert words in told.message
    assert told.hint


async def test_a_database_that_is_not_there_is_told_by_name(postgres: Postgres) -> None:
    with pytest.raises(EvercertError, match=r"there is no database .*/nowhere") as caught:
        await PostgresDatabase.open(postgres.url("nowhere"), NUMBERS)
    assert "createdb" in caught.value.hint


async def test_another_programs_database_is_refused_and_left_alone(postgres: Postgres) -> None:
    bookmarks = Migration(1, "bookmarks", "CREATE TABLE bookmarks (url TEXT)")
    name = postgres.fresh_name((bookmarks,))
    postgres.run("DROP TABLE migrations", name)
    for theirs in ("SELECT 1", "CREATE TABLE migrations (migration TEXT, batch INTEGER)"):
        postgres.run(theirs, name)
        with pytest.raises(EvercertError, match="another program"):
            await PostgresDatabase.open(postgres.url(name), NUMBERS)
    assert postgres.run("SELECT count(*) FROM pg_class WHERE relname = 'numbers'", name).strip() == "0"


async def test_a_database_of_another_encoding_is_refused(postgres: Postgres) -> None:
    postgres.run("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE 'C' LOCALE_PROVIDER libc")
    with pytest.raises(EvercertError, match="keeps text as LATIN1"):
        await PostgresDatabase.open(postgres.url("latin"), NUMBERS)


async def test_who_migrates_is_waited_for_and_not_for_ever(postgres: Postgres) -> None:
    url = postgres.fresh()
    slow = (Migration(1, "slow", "SELECT pg_sleep(1.2); CREATE TABLE slow (n INTEGER)"),)
    first = asyncio.create_task(PostgresDatabase.open(url, slow, statement_seconds=0.5))
    await until_busy(postgres, "%pg_sleep(1.2)%")
    with pytest.raises(EvercertError, match="another process is busy"):
        await PostgresDatabase.open(url, slow, patience=0.1)
    second = await PostgresDatabase.open(url, slow)
    assert await second.rows(Query("n", "SELECT count(*) FROM migrations")()) == [(1,)]
    await second.close()
    await (await first).close()


_OPEN = """
import asyncio, sys
from evercert.base.secret import Secret
from evercert.db.pg.failures import as_told
from evercert.db.postgres import PostgresDatabase
from tests.db.test_migrate import STEPS, RECORDED

async def main():
    db = await PostgresDatabase.open(Secret(sys.argv[1]), STEPS)
    print(len(await db.rows(RECORDED())))
    await db.close()

asyncio.run(main())
"""


async def test_processes_that_start_at_once_migrate_once(postgres: Postgres) -> None:
    argv = [sys.executable, "-c", _OPEN, postgres.fresh().text()]
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [await asyncio.to_thread(process.communicate, timeout=60) for process in processes]
    assert ends == [("3\n", "")] * 3


_WITHOUT = """
import asyncio, sys
sys.modules["asyncpg"] = None
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.pg.failures import as_told
from evercert.db.postgres import PostgresDatabase
try:
    asyncio.run(PostgresDatabase.open(Secret("postgresql:///x")))
except EvercertError as error:
    print(error, error.hint)
"""


def test_a_driver_that_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60)
    assert "is not installed" in done.stdout
    assert "pip install 'evercert[postgres]'" in done.stdout
