"""Two CAs at once: whoever wins, whatever dies when, there is one current certificate and nothing is left anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from evercert.acme.jose import b64url
from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.base.message import Request, Response
from evercert.base.names import Identifier
from evercert.engine.asking.racing import race
from evercert.engine.wiring import Engine
from evercert.model.event import IssuanceAbandoned
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.terms import CaChoice, Terms
from evercert.pki.cert import read_certificate
from evercert.store import certificates, events, issued
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault
from tests.fakes.clock import FakeClock

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NAME = "www.a.test"


class Fateful:
    """A CA on the way to which something may happen: *fate* is called before and after each request."""

    def __init__(self, ca: FakeCa, fate: Callable[[], None]) -> None:
        self.ca, self.fate = ca, fate

    async def send(self, request: Request) -> Response:
        self.fate()
        response = await self.ca.send(request)
        self.fate()
        return response


class Stuck:
    """A CA that never answers to whoever answers a challenge."""

    def __init__(self, ca: FakeCa) -> None:
        self.ca = ca

    async def send(self, request: Request) -> Response:
        if request.url in self.ca.challenges:
            await asyncio.Event().wait()
        return await self.ca.send(request)


class Late(World):
    """A world with two CAs and a certificate of which a twelfth of the life is left."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.second = self.another_ca("https://second.test")
        self.requests = 0
        self.happens: Callable[[int], None] = lambda number: None
        self.challenges: tuple[ChallengeRule, ...] = super().intent("any.test").challenges

    def fate(self) -> None:
        self.requests += 1
        self.happens(self.requests)

    def intent(self, *names: str, **changes: object) -> CertificateIntent:
        further = Terms(further_cas=(CaChoice(self.second.directory_url),))
        return super().intent(*names, **({"terms": further, "challenges": self.challenges} | changes))

    async def grow_old(self, engine: Engine) -> CertificateFact:
        """Both accounts are there, so that what is counted is the race."""
        fact = await self.obtain(engine, self.intent(NAME))
        for ca in (self.ca, self.second):
            await engine.accounts.registered(ca.directory_url, "default")
        self.clock.advance(self.lifetime * 11 / 12)
        self.cas |= {base: Fateful(ca, self.fate) for base, ca in self.cas.items()}  # type: ignore[misc]
        return fact

    async def settle_down(self, engine: Engine) -> CertificateFact:
        await engine.worker.settle_due()
        await self.pass_time(engine, 2 * DAY)
        return await self.fact(engine, NAME)


@pytest.fixture
def world(tmp_path: Path) -> Late:
    return Late(tmp_path)


async def certify_all_is_well(world: Late, engine: Engine, before: CertificateFact) -> None:
    """The laws of a race."""
    fact = await world.settle_down(engine)
    assert before.current is not None
    assert fact.current is not None
    assert fact.current.id != before.current.id
    assert (fact.open_issuance, fact.rival, fact.withdraw_at, fact.leftovers) == (None, None, None, ())
    assert (fact.failure, fact.trials, fact.hold) == (None, (), None)
    assert list(world.webroot.rglob("*")) == []
    kept = {each.fingerprint for each in await issued.history(engine.db, NAME)}
    for ca in (world.ca, world.second):
        assert {read_certificate(each.leaf_der).fingerprint for each in ca.certificates.values()} <= kept
        assert "pending" not in {each.status for each in ca.authorizations.values()}
    # The current one, the first, and at most one that came late.
    assert len(kept) <= 3


@pytest.mark.parametrize("slow", ["first", "second"])
async def test_the_one_that_is_faster_wins_and_the_other_order_is_withdrawn(world: Late, slow: str) -> None:
    loser, winner = (world.ca, world.second) if slow == "first" else (world.second, world.ca)
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        world.cas[loser.base] = Stuck(loser)  # type: ignore[assignment]
        await engine.worker.settle(NAME)
        fact = await world.fact(engine, NAME)
        assert fact.current is not None
        assert await engine.accounts.issuer_of(fact.current, fact.intent) == (winner.directory_url, "default")
        assert [each.status for each in loser.orders.values()][-1] != "valid"
        abandoned = [each.event for each in await events.latest(engine.db, 100, NAME)]
        [given_up] = [each for each in abandoned if isinstance(each, IssuanceAbandoned)]
        assert given_up.reason == "another CA was first"
        await certify_all_is_well(world, engine, before)


async def test_two_that_are_equally_fast_lose_nothing(world: Late) -> None:
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        await engine.worker.settle(NAME)
        assert len(world.second.orders) == 1
        await certify_all_is_well(world, engine, before)


async def test_a_certificate_that_comes_after_the_winner_s_is_kept_beside_it(tmp_path: Path) -> None:
    world = Late(tmp_path, clock=FakeClock(settle=0.1))  # the store writes in a thread
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        # It is made at the same time, and we hear of it only afterwards.
        world.ca.issuing_seconds = 1
        world.second.fail("finalize", Fault.unanswered())
        world.second.fail("order", Fault.lost(), times=3)
        await engine.worker.settle(NAME)
        await certify_all_is_well(world, engine, before)
        fact = await world.fact(engine, NAME)
        assert fact.current is not None
        assert await engine.accounts.issuer_of(fact.current, fact.intent) == (world.ca.directory_url, "default")
        assert len(world.second.certificates) == 1
        assert len(await issued.history(engine.db, NAME)) == 3


@pytest.mark.parametrize("bad", ["first", "second"])
async def test_one_that_refuses_does_not_stop_the_other(world: Late, bad: str) -> None:
    refusing = world.ca if bad == "first" else world.second
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        refusing.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
        await engine.worker.settle(NAME)
        assert (await world.fact(engine, NAME)).failures == 0
        await certify_all_is_well(world, engine, before)


async def test_where_both_fail_both_verdicts_are_kept_and_it_goes_on(world: Late) -> None:
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        for ca in (world.ca, world.second):
            ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
        await engine.worker.settle(NAME)
        fact = await world.fact(engine, NAME)
        assert {each.ca for each in fact.trials} == {world.ca.directory_url, world.second.directory_url}
        assert fact.failures == 1
        await certify_all_is_well(world, engine, before)


async def test_an_order_that_was_begun_takes_part_in_the_race(world: Late) -> None:
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        for ca in (world.ca, world.second):
            ca.fail("finalize", Fault.refused(ProblemType.SERVER_INTERNAL), times=30)
        await engine.worker.settle(NAME)
        orders = len(world.ca.orders), len(world.second.orders)
        for ca in (world.ca, world.second):
            ca._faults.clear()
        await certify_all_is_well(world, engine, before)
        assert (len(world.ca.orders), len(world.second.orders)) == orders


class Died(Exception):
    """What no code expects."""


async def _live(world: Late, number: int, how: str) -> bool:
    """Whether fate came: at the *number*th step the work is cancelled, or breaks."""
    came = False
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        working = asyncio.ensure_future(engine.worker.settle(NAME))

        def happens(at: int) -> None:
            nonlocal came
            if at == number:
                came = True
                if how == "broken":
                    raise Died
                working.cancel()

        world.happens = happens
        with suppress(Died, asyncio.CancelledError):
            await working
        world.happens = lambda at: None
    async with world.engine() as engine:
        await certificates.wake(engine.db, NAME, world.clock.now())
        await certify_all_is_well(world, engine, before)
    return came


@pytest.mark.parametrize("how", ["cancelled", "broken"])
async def test_a_race_that_dies_at_any_step_is_ended_after_a_restart(tmp_path: Path, how: str) -> None:
    number, more = 0, True
    while more:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        more = await _live(Late(folder), number, how)
    assert number > 20


async def test_a_race_ends_with_its_first_winner_and_leaves_nothing_running() -> None:
    ended: list[str] = []

    async def slow() -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("slow")
        return "slow"

    async def failing() -> str:
        raise EvercertError("acme", "no")

    async def quick() -> str:
        await asyncio.sleep(0)
        return "quick"

    failed, won, stopped = await race([failing(), quick(), slow()])
    assert isinstance(failed, EvercertError)
    assert (won, stopped, ended) == ("quick", None, ["slow"])
    [failed] = await race([failing()])
    assert isinstance(failed, EvercertError)


async def test_what_is_no_refusal_ends_the_race_at_once() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("slow")

    async def broken() -> None:
        raise Died

    with pytest.raises(Died):
        await race([slow(), broken()])
    assert ended == ["slow"]


async def test_a_race_that_is_cancelled_leaves_nothing_running() -> None:
    ended: list[int] = []
    begun = asyncio.Barrier(3)

    async def slow(number: int) -> None:
        try:
            await begun.wait()
            await asyncio.sleep(3600)
        finally:
            ended.append(number)

    racing = asyncio.ensure_future(race([slow(1), slow(2)]))
    await begun.wait()
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert sorted(ended) == [1, 2]


async def test_two_txt_records_at_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    # The program is a real one, and time is to wait for it.
    world = Late(tmp_path, clock=FakeClock(settle=0.2))
    diary = tmp_path / "diary"
    program = tmp_path / "dns"
    program.write_text(f'#!/bin/sh\necho "$1 $2 $3" >> {diary}\n')
    program.chmod(0o700)

    def stand() -> set[str]:
        """The values that were added and not removed."""
        found: set[str] = set()
        for line in diary.read_text().splitlines():
            action, name, value = line.split()
            assert name == "_acme-challenge.www.a.test"
            (found.add if action == "present" else found.remove)(value)
        return found

    both: list[int] = []

    def validate(identifier: Identifier, challenge_type: str, key_authorization: str) -> str | None:
        both.append(len(stand()))
        expected = b64url(sha256(key_authorization.encode()).digest())
        return None if expected in stand() else "the record is not there"

    for ca in (world.ca, world.second):
        ca.offered, ca.validate = ("dns-01",), validate
    options = {"program": str(program), "zone": "a.test", "follow_cname": "no", "propagation_timeout": "0"}
    world.challenges = (ChallengeRule("dns-01", "exec", options),)
    async with world.engine() as engine:
        before = await world.grow_old(engine)
        # Slow enough for both to be looked at while both stand.
        world.ca.validation_seconds = world.second.validation_seconds = 5
        await engine.worker.settle(NAME)
        assert (await world.fact(engine, NAME)).failures == 0
        assert max(both) == 2
        assert stand() == set()
        await certify_all_is_well(world, engine, before)
