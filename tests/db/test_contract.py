"""The contract of `Database`, kept by each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database, Query, Value, Wakeup
from tests.db.numbers import ADD, ALL, COUNT, NUMBERS, RENAME, RENAMED

NewPlace = Callable[[Sequence[Migration]], Place]

VALUES = (
    Migration(
        1,
        "values",
        "CREATE TABLE things (n BIGINT, word TEXT, body BLOB)",
        "CREATE TABLE things (n BIGINT, word TEXT, body BYTEA)",
    ),
)
KEEP = Query("keep thing", "INSERT INTO things (n, word, body) VALUES (:n, :word, :body)")
THINGS = Query("things", "SELECT n, word, body FROM things")


@pytest.fixture
async def db(new_place: NewPlace) -> AsyncIterator[Database]:
    async with open_database(new_place(NUMBERS), NUMBERS) as opened:
        yield opened


async def test_what_was_written_is_read_back_and_there_after_reopening(new_place: NewPlace) -> None:
    place = new_place(NUMBERS)
    async with open_database(place, NUMBERS) as db:
        await db.write(ADD(n=1, word="one"))
        assert await db.rows(ALL()) == [(1, "one")]
    async with open_database(place, NUMBERS) as db:
        assert await db.rows(ALL()) == [(1, "one")]


async def test_a_transaction_with_a_failed_guard_leaves_nothing(db: Database) -> None:
    with pytest.raises(EvercertError, match="rename number: somebody else was first") as caught:
        await db.write(ADD(n=1, word="one"), RENAME(n=7, word="seven").expecting(1))
    assert caught.value.code.name == "conflict"
    assert await db.rows(ALL()) == []


@pytest.mark.parametrize("query", [RENAME, RENAMED])
async def test_a_guard_counts_rows_whether_they_are_returned_or_not(db: Database, query: Query) -> None:
    await db.write(ADD(n=1, word="one"), query(n=1, word="uno").expecting(1), query(n=2, word="due").expecting(0))
    assert await db.rows(ALL()) == [(1, "uno")]


ALL_AT_ONCE = (
    Query("rename all", "UPDATE numbers SET word = :word"),
    Query("rename and return all", "UPDATE numbers SET word = :word RETURNING n, n, word -- :none of these"),
    Query("delete all", "DELETE FROM numbers WHERE word <> :word"),
    Query("add more", "INSERT INTO numbers (n, word) SELECT n + 10, CAST(:word AS TEXT) FROM numbers RETURNING n"),
)


@pytest.mark.parametrize("query", ALL_AT_ONCE, ids=lambda query: query.name)
async def test_a_guard_on_one_statement_alone_undoes_it(db: Database, query: Query) -> None:
    await db.write(*(ADD(n=n, word="x") for n in range(3)))
    for expected in (0, 1, 2, 4):
        with pytest.raises(EvercertError, match="somebody else was first") as caught:
            await db.write(query(word="y").expecting(expected))
        assert caught.value.code.name == "conflict"
    assert await db.rows(ALL()) == [(0, "x"), (1, "x"), (2, "x")]
    [alone] = await db.write(query(word="y").expecting(3))
    assert len(alone) == (3 if "RETURNING" in query.sql else 0)
    assert await db.rows(ALL()) != [(0, "x"), (1, "x"), (2, "x")]


async def test_a_guard_that_reads_does_not_count_what_was_written_before_it(db: Database) -> None:
    none = Query("none", "SELECT n FROM numbers WHERE n > 99")
    await db.write(ADD(n=1, word="one"), none().expecting(0))
    assert await db.rows(ALL()) == [(1, "one")]


async def test_a_broken_constraint_is_a_conflict(db: Database) -> None:
    await db.write(ADD(n=1, word="one"))
    with pytest.raises(EvercertError) as caught:
        await db.write(ADD(n=1, word="uno"))
    assert caught.value.code.name == "conflict"


async def test_a_forgotten_value_is_an_error_and_not_a_null(db: Database) -> None:
    with pytest.raises(EvercertError, match="word"):
        await db.write(ADD(n=1))


async def test_a_read_sees_one_moment_whatever_is_written_meanwhile(db: Database) -> None:
    stop = asyncio.Event()

    async def write_on() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            await db.write(ADD(n=n, word="x"))

    writing = asyncio.create_task(write_on())
    for _ in range(50):
        first, second = await db.read(COUNT(), COUNT())
        assert first == second
    stop.set()
    await writing


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(EvercertError):
        await db.rows(ADD(n=1, word="one"))
    assert await db.rows(ALL()) == []


async def test_closing_finishes_what_was_begun(new_place: NewPlace) -> None:
    place = new_place(NUMBERS)
    async with open_database(place, NUMBERS) as db:
        writes = [asyncio.create_task(db.write(ADD(n=n, word="x"))) for n in range(200)]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    async with open_database(place, NUMBERS) as db:
        assert len(await db.rows(ALL())) == 200


async def test_a_closed_database_says_so(new_place: NewPlace) -> None:
    async with open_database(new_place(NUMBERS), NUMBERS) as db:
        await db.write(ADD(n=1, word="one"))
    with pytest.raises(EvercertError, match="closed"):
        await db.write(ADD(n=2, word="two"))
    with pytest.raises(EvercertError, match="closed"):
        await db.rows(ALL())


async def test_a_cancelled_write_disturbs_no_other(db: Database) -> None:
    cancelled = asyncio.create_task(db.write(ADD(n=1, word="one")))
    await asyncio.sleep(0)
    cancelled.cancel()
    await db.write(ADD(n=2, word="two"))
    assert (2, "two") in await db.rows(ALL())


async def test_a_write_cancelled_at_any_moment_is_whole_or_nothing_and_the_next_ones_work(db: Database) -> None:
    for n in range(0, 60, 2):
        task = asyncio.create_task(db.write(ADD(n=n, word="x"), ADD(n=n + 1, word="x"), RENAME(n=n, word="y")))
        for _ in range(n // 2):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await asyncio.gather(*(db.write(ADD(n=100 + n, word="x")) for n in range(50)))
    kept = dict(await db.rows(ALL()))
    assert len(kept) >= 50
    assert all(kept[n] == "y" and kept[n + 1] == "x" for n in kept if n < 100 and n % 2 == 0)


async def test_a_thousand_tasks_are_all_served(db: Database) -> None:
    async def one(n: int) -> int:
        await db.write(ADD(n=n, word="x"), RENAME(n=n, word="y").expecting(1))
        [[(word,)], [(count,)]] = await db.read(Query("w", "SELECT word FROM numbers WHERE n = :n")(n=n), COUNT())
        assert word == "y"
        return int(count)

    counts = await asyncio.gather(*(one(n) for n in range(1000)))
    assert max(counts) == 1000


async def test_of_many_that_want_one_row_one_wins(db: Database) -> None:
    await db.write(ADD(n=1, word="free"))
    take = Query("take", "UPDATE numbers SET word = :word WHERE n = 1 AND word = 'free' RETURNING word")
    attempts = [db.write(take(word=f"w{n}").expecting(1)) for n in range(100)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(not isinstance(outcome, EvercertError) for outcome in outcomes) == 1


async def test_two_that_take_two_rows_crosswise_are_both_served(db: Database) -> None:
    await db.write(ADD(n=1, word="a"), ADD(n=2, word="b"))

    async def cross(first: int, second: int) -> None:
        for _ in range(30):
            await db.write(RENAME(n=first, word="x").expecting(1), RENAME(n=second, word="y").expecting(1))

    await asyncio.gather(cross(1, 2), cross(2, 1))


@pytest.mark.parametrize(
    ("n", "word", "body"),
    [
        (2**63 - 1, "", b""),
        (-(2**63), "bücher \U0001f600 \ufeff", bytes(range(256))),
        (0, "'; DROP TABLE things; --", b"\0" * 1000),
        (None, None, None),
        (1, "x" * 1_000_000, b"y" * 1_000_000),
        (1, ":n ::text $1 ? %s {}", b":n"),
    ],
)
async def test_values_come_back_as_they_were(
    new_place: NewPlace, n: int | None, word: str | None, body: bytes | None
) -> None:
    async with open_database(new_place(VALUES), VALUES) as db:
        await db.write(KEEP(n=n, word=word, body=body))
        assert await db.rows(THINGS()) == [(n, word, body)]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
async def test_a_number_that_does_not_fit_is_refused_and_disturbs_nothing(new_place: NewPlace, value: Value) -> None:
    async with open_database(new_place(VALUES), VALUES) as db:
        with pytest.raises(EvercertError):
            await db.write(KEEP(n=1, word="", body=b""), KEEP(n=value, word="", body=b""))
        assert await db.rows(THINGS()) == []


async def test_who_listens_is_woken_by_news_on_his_channel_alone(db: Database) -> None:
    with db.listen("one") as one, db.listen("one") as another, db.listen("two") as two:
        for wakeup in (one, another, two):
            await settled(wakeup)
        db.notify("one")
        async with asyncio.timeout(20):
            await one.wait()
            await another.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await two.wait()
    db.notify("one")


async def test_news_from_elsewhere_wakes_after_it_can_be_read(new_place: NewPlace) -> None:
    place = new_place(NUMBERS)
    async with open_database(place, NUMBERS) as here, open_database(place, NUMBERS) as there:
        with here.listen("numbers") as wakeup:
            await settled(wakeup)
            for n in range(1, 4):
                await there.write(ADD(n=n, word="x"))
                there.notify("numbers")
                async with asyncio.timeout(20):
                    while (await here.rows(COUNT())) != [(n,)]:
                        await wakeup.wait()


async def test_a_cancelled_wait_loses_no_news(db: Database) -> None:
    with db.listen("one") as wakeup:
        await settled(wakeup)
        waiting = asyncio.create_task(wakeup.wait())
        await asyncio.sleep(0)
        db.notify("one")
        waiting.cancel()
        async with asyncio.timeout(20):
            await wakeup.wait()


async def settled(wakeup: Wakeup) -> None:
    """Afterwards what woke because listening began is over."""
    async with asyncio.timeout(20):
        await wakeup.wait()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            await wakeup.wait()
