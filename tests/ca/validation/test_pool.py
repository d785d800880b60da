"""The pool of validations: bounded, fair, each once, and gone when it is drained."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.ca.validation.pool import ValidationPool, Work


@dataclass
class Bench:
    """Works that wait until a test lets them end."""

    began: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    def work(self, key: str) -> Work:
        async def run() -> None:
            self.began.append(key)
            await self.gates.setdefault(key, asyncio.Event()).wait()
            self.ended.append(key)

        return run

    def failed(self, key: str, error: BaseException) -> None:
        self.failures.append((key, str(error)))

    async def let_end(self, *keys: str) -> None:
        for key in keys:
            self.gates.setdefault(key, asyncio.Event()).set()
        await turns()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_the_total_run_at_once() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=2)
    for key in "abc":
        assert pool.submit(key, key, bench.work(key))
    await turns()
    assert (bench.began, pool.running, pool.waiting) == (["a", "b"], 2, 1)
    await bench.let_end("b")
    assert bench.began == ["a", "b", "c"]
    await bench.let_end("a", "c")
    assert (pool.running, pool.waiting) == (0, 0)


async def test_one_account_leaves_room_for_others_and_they_take_turns() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=3, per_account=2)
    for key in ("a1", "a2", "a3", "a4", "b1", "b2"):
        pool.submit(key, key[0], bench.work(key))
    await turns()
    assert bench.began == ["a1", "a2", "b1"]
    await bench.let_end("a1")
    assert bench.began[3:] == ["b2"]
    await bench.let_end("a2")
    assert bench.began[4:] == ["a3"]
    await bench.let_end("b1", "b2", "a3", "a4")
    assert len(bench.ended) == 6


async def test_a_key_is_done_once_however_often_it_is_fed_in() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=1)
    for key in ("a", "b", "a", "b"):
        assert pool.submit(key, "x", bench.work(key))
    await bench.let_end("a", "b")
    assert bench.began == ["a", "b"]
    assert pool.submit("a", "x", bench.work("a"))
    await turns()
    assert bench.began == ["a", "b", "a"]


async def test_what_is_cancelled_is_not_begun_or_ends() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=1)
    for key in "abc":
        pool.submit(key, "x", bench.work(key))
    await turns()
    pool.cancel("b")
    pool.cancel("a")
    pool.cancel("unknown")
    await turns()
    assert (bench.began, bench.ended, bench.failures) == (["a", "c"], [], [])
    await bench.let_end("c")
    assert pool.running == 0


async def test_the_end_of_each_is_told_whatever_came_of_it() -> None:
    bench = Bench()

    async def broken() -> None:
        raise ValueError("ours")

    pool = ValidationPool(bench.failed, total=1)
    ends = [pool.submit("a", "x", broken), pool.submit("b", "x", bench.work("b")), pool.submit("c", "x", broken)]
    assert pool.submit("b", "x", bench.work("b")) is ends[1]
    pool.cancel("c")
    await turns()
    assert [end.done() for end in ends if end] == [True, False, True]
    assert ends[1]
    ends[1].cancel()
    await bench.let_end("b")
    assert (bench.ended, pool.running) == (["b"], 0)


async def test_a_full_pool_takes_nothing_more_for_now() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=1, waiting=1)
    assert [bool(pool.submit(key, "x", bench.work(key))) for key in "abc"] == [True, True, False]
    await bench.let_end("a")
    assert pool.submit("c", "x", bench.work("c"))
    await bench.let_end("b", "c")


async def test_one_accounts_many_do_not_keep_others_out_of_a_full_pool() -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=1, waiting=3)
    ends = {key: pool.submit(key, key[0], bench.work(key)) for key in ("a1", "a2", "a3", "a4", "b1", "c1", "c2", "b2")}
    assert [key for key, end in ends.items() if end is None] == ["c2", "b2"]  # each has as much as the others
    assert [key for key, end in ends.items() if end and end.done()] == ["a3", "a4"]
    assert pool.waiting == 3
    await bench.let_end("a1", "a2", "b1", "c1")
    assert sorted(bench.ended) == ["a1", "a2", "b1", "c1"]


async def test_a_work_that_fails_is_told_and_holds_nobody_up() -> None:
    bench = Bench()

    async def broken() -> None:
        raise ValueError("ours")

    pool = ValidationPool(bench.failed, total=1)
    pool.submit("a", "x", broken)
    pool.submit("b", "x", bench.work("b"))
    await turns()
    assert bench.failures == [("a", "ours")]
    await bench.let_end("b")
    assert bench.ended == ["b"]


@pytest.mark.parametrize("patience", [0.01, 5])
async def test_draining_lets_what_runs_end_and_takes_nothing_more(patience: float) -> None:
    bench = Bench()
    pool = ValidationPool(bench.failed, total=2)
    for key in "abc":
        pool.submit(key, "x", bench.work(key))
    await turns()
    draining = asyncio.create_task(pool.drain(patience))
    await turns()
    assert not pool.submit("d", "x", bench.work("d"))
    await bench.let_end("a", *(["b"] if patience > 1 else []))
    assert await draining == (0 if patience > 1 else 1)
    assert (bench.began, pool.running, pool.waiting) == (["a", "b"], 0, 0)
    assert await pool.drain(patience) == 0


@given(
    keys=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 30)), max_size=60),
    total=st.integers(1, 5),
    per_account=st.integers(1, 3),
)
async def test_bounds_hold_and_everything_is_done(keys: list[tuple[str, int]], total: int, per_account: int) -> None:
    running: Counter[str] = Counter()
    done: Counter[str] = Counter()
    too_many: list[Counter[str]] = []

    def work(key: str, account: str) -> Work:
        async def run() -> None:
            running[account] += 1
            if running.total() > total or max(running.values()) > per_account:
                too_many.append(running.copy())
            await asyncio.sleep(0)
            running[account] -= 1
            done[key] += 1

        return run

    pool = ValidationPool(lambda key, error: too_many.append(Counter({key: 1})), total=total, per_account=per_account)
    wanted = {f"{account}{number}": account for account, number in keys}
    for key, account in wanted.items():
        assert pool.submit(key, account, work(key, account))
    while pool.running or pool.waiting:
        await asyncio.sleep(0)
    assert too_many == []
    assert done == Counter(wanted.keys())
