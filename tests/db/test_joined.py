"""Several statements that PostgreSQL is sent as one say and do what they would one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from evercert.base.errors import EvercertError
from evercert.db.pg.joined import portions_of
from evercert.db.postgres import PostgresDatabase
from evercert.db.protocol import Query, Statement
from tests.db.numbers import ADD, ALL, COUNT, NUMBERS, RENAME, RENAMED
from tests.db.test_postgres import SLEEP, kill_others, until_busy
from tests.peers.postgres import Postgres

LOCK = Query("lock", "SELECT n FROM numbers WHERE n = :n", "SELECT n FROM numbers WHERE n = :n FOR UPDATE", apart=True)
LOG = replace(ADD, apart=True)
NAPPING = Query("napping", "UPDATE numbers SET word = :word || CAST(pg_sleep(0.5) AS TEXT) WHERE n = :n RETURNING n")


@pytest.fixture
async def db(postgres: Postgres) -> AsyncIterator[PostgresDatabase]:
    opened = await PostgresDatabase.open(postgres.fresh(NUMBERS), NUMBERS)
    await opened.write(*(ADD(n=n, word="x") for n in range(3)))
    yield opened
    await opened.close()


def lock(n: int) -> Statement:
    return LOCK(n=n).expecting(1)


def is_one(statements: Sequence[Statement]) -> bool:
    return len(portions_of(statements, reads=False)) == 1


async def test_each_has_its_own_rows_back_in_their_order(db: PostgresDatabase) -> None:
    few = Query("few", "SELECT n, word, CAST(NULL AS TEXT) FROM numbers WHERE n <> :n ORDER BY n DESC")
    assert await db.read(few(n=1), COUNT(), few(n=0)) == [
        [(2, "x", None), (0, "x", None)],
        [(3,)],
        [(2, "x", None), (1, "x", None)],
    ]


async def test_a_row_that_is_locked_first_can_be_changed_beside_it(db: PostgresDatabase) -> None:
    statements = lock(1), RENAMED(n=1, word="uno").expecting(1), LOG(n=7, word="seven")
    assert is_one(statements)
    assert await db.write(*statements) == [[(1,)], [(1,)], []]
    assert await db.rows(ALL()) == [(0, "x"), (1, "uno"), (2, "x"), (7, "seven")]


async def test_they_are_done_in_their_order(db: PostgresDatabase) -> None:
    await db.write(Query("log", "CREATE TABLE log (place SERIAL, n INTEGER, word TEXT)")())
    told = Query("tell", "INSERT INTO log (n, word) VALUES (:n, :word)", apart=True)
    statements = [
        told(n=n, word=word).expecting(1) if n % 2 else told(n=n, word=word) for n, word in enumerate("abcdef")
    ]
    statements.insert(3, RENAMED(n=1, word="uno"))
    assert is_one(statements)
    await db.write(*statements)
    in_order = Query("in order", "SELECT word FROM log ORDER BY place")
    assert "".join(word for (word,) in await db.rows(in_order())) == "abcdef"


@pytest.mark.parametrize(
    ("statements", "who"),
    [
        ((lock(9), RENAME(n=1, word="uno").expecting(1), LOG(n=7, word="seven")), "lock"),
        ((lock(1), RENAME(n=9, word="uno").expecting(1), LOG(n=7, word="seven")), "rename number"),
        ((lock(1), RENAMED(n=1, word="uno"), LOG(n=7, word="seven").expecting(2)), "add number"),
    ],
)
async def test_a_guard_that_says_no_undoes_all_and_is_named(
    db: PostgresDatabase, statements: tuple[Statement, ...], who: str
) -> None:
    assert is_one(statements)
    with pytest.raises(EvercertError, match=f"{who}: somebody else was first") as caught:
        await db.write(*statements)
    assert caught.value.code.name == "conflict"
    assert await db.rows(ALL()) == [(0, "x"), (1, "x"), (2, "x")]


async def test_who_waited_for_the_lock_changes_the_row_as_it_is_then(postgres: Postgres, db: PostgresDatabase) -> None:
    first = asyncio.create_task(db.write(RENAME(n=1, word="first"), SLEEP(tenths=5)))
    await until_busy(postgres, "%pg_sleep%INTEGER%")
    longer = Query("longer", "UPDATE numbers SET word = word || :word WHERE n = :n RETURNING word")
    [[_], [(word,)]] = await db.write(lock(1), longer(n=1, word=", second").expecting(1))
    await first
    assert word == "first, second"


async def test_what_the_server_ended_midway_is_done_again(postgres: Postgres, db: PostgresDatabase) -> None:
    writing = asyncio.create_task(db.write(lock(1), NAPPING(n=1, word="y").expecting(1), LOG(n=7, word="seven")))
    await until_busy(postgres, "WITH r0%pg_sleep%")
    kill_others(postgres, "query LIKE 'WITH r0%pg_sleep%'")
    await writing
    assert await db.rows(ALL()) == [(0, "x"), (1, "y"), (2, "x"), (7, "seven")]


def test_what_may_see_what_another_one_does_is_not_joined_with_it() -> None:
    assert not is_one((RENAME(n=1, word="a"), RENAME(n=2, word="b")))
    assert not is_one((lock(1), COUNT()))


def test_a_long_transaction_is_sent_in_as_few_portions_as_its_order_allows() -> None:
    rename = RENAME(n=1, word="a")
    portions = portions_of((lock(1), rename, rename, LOG(n=7, word="b"), COUNT(), rename), reads=False)
    assert [len(portion) for portion in portions] == [2, 2, 1, 1]


async def test_very_many_reads_are_of_one_moment_too(db: PostgresDatabase) -> None:
    one = Query("one", "SELECT n FROM numbers WHERE n = :n")
    assert await db.read(*(one(n=n % 4) for n in range(100))) == [[(n % 4,)] if n % 4 < 3 else [] for n in range(100)]
