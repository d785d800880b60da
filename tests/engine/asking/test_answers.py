"""Challenge answers that stand outside: whose they are, and that nobody else's are taken away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evercert.base.clock import Clock
from evercert.base.message import Request, Response
from evercert.engine.leases import LENGTH
from evercert.engine.wiring import Engine
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.store import certificates, health, leases
from tests.engine.world import World

NAME, HOOK = "www.a.test", "https://hook.test"


async def done() -> int:
    """What a service says that does what it is asked."""
    return 204


class Hook:
    """A service that sets records (`solve/dns/webhook.py`); `cleaning` is what it says when one is taken away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.standing: set[str] = set()
        self.cleaning: Callable[[], Awaitable[int]] = done

    async def send(self, request: Request) -> Response:
        value = json.loads(request.body or b"")["value"]
        if request.url == f"{HOOK}/present":
            self.standing.add(value)
            return Response(204, (), b"", self._clock.now())
        status = await self.cleaning()
        self.standing -= {value} if status == 204 else set()
        return Response(status, (), b"", self._clock.now())


class Outside(World):
    """A world in which certificates are proved by records that a service sets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ca.offered = ("dns-01",)
        self.hook = Hook(self.clock)
        self.cas[HOOK] = self.hook  # type: ignore[assignment]  # it answers what is sent there

    def wanted(self, *more: str, at: str = HOOK) -> CertificateIntent:
        options = {"url": at, "zone": "a.test", "follow_cname": "no", "propagation_timeout": "0"}
        return self.intent(NAME, *more, challenges=(ChallengeRule("dns-01", "webhook", options),))

    async def holder(self, engine: Engine) -> str | None:
        return await leases.holder(engine.db, NAME)

    async def given_to_another(self, engine: Engine) -> None:
        """Afterwards somebody else was given the certificate, because we were not seen for too long."""
        later = self.clock.now() + 2 * LENGTH
        assert await leases.claim(engine.db, NAME, "another", later, later + LENGTH)


@pytest.fixture
def world(tmp_path: Path) -> Outside:
    return Outside(tmp_path)


async def begun(world: Outside, engine: Engine) -> asyncio.Task[None]:
    """The work on the certificate, which waits for the CA's validation when this returns."""
    validating, answer = asyncio.Event(), world.ca.send

    async def send(request: Request) -> Response:
        if "/challenge/" in request.url:
            validating.set()
            await asyncio.Event().wait()
        return await answer(request)

    world.ca.send = send  # type: ignore[method-assign]
    await certificates.declare(engine.db, world.wanted(), world.clock.now())
    work = asyncio.create_task(engine.worker.settle(NAME))
    async with asyncio.timeout(60):
        await validating.wait()
    world.ca.send = answer  # type: ignore[method-assign]
    return work


async def test_whoever_is_cancelled_however_often_lets_go_when_nothing_stands_outside_any_more(world: Outside) -> None:
    taking_away, may_go = asyncio.Event(), asyncio.Event()

    async def slowly() -> int:
        taking_away.set()
        await may_go.wait()
        return 204

    async with world.engine() as engine:
        work = await begun(world, engine)
        world.hook.cleaning = slowly
        work.cancel()
        async with asyncio.timeout(60):
            await taking_away.wait()
        for _ in range(3):
            work.cancel()
            await asyncio.sleep(0.01)
            assert await world.holder(engine)
        may_go.set()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not await world.holder(engine)
        assert world.hook.standing == set()
        assert (await world.fact(engine, NAME)).leftovers == ()


async def test_whoever_is_cancelled_gives_back_the_turn_to_find_out_whether_a_ca_answers(world: Outside) -> None:
    async with world.engine() as engine:
        await health.silent(engine.db, world.ca.directory_url, None, "no answer", world.clock.now())
        before = await health.outages(engine.db)
        world.clock.advance(10)
        work = await begun(world, engine)
        assert await health.outages(engine.db) != before
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await health.outages(engine.db) == before


async def test_whoever_loses_the_certificate_while_he_takes_answers_away_leaves_the_others(world: Outside) -> None:
    """They may be the other's by now: a CA that reuses an authorization has the same answer presented again."""
    at_the_end_of_the_attempt = iter([400, 400])

    async with world.engine() as engine:

        async def cleaning() -> int:
            if status := next(at_the_end_of_the_attempt, None):
                return status
            world.hook.cleaning = done
            await world.given_to_another(engine)
            return 400

        world.hook.cleaning = cleaning
        world.ca.validate = lambda *_: "no such record"
        fact = await world.obtain(engine, world.wanted("a.test"))
        assert await world.holder(engine) == "another"
        assert len(fact.leftovers) == len(world.hook.standing) == 2


async def test_what_was_put_in_a_wrong_way_is_taken_away_in_the_way_that_is_right_now(world: Outside) -> None:
    async def forbidden() -> int:
        return 403

    wrong = world.cas["https://wrong.test"] = Hook(world.clock)  # type: ignore[assignment]
    wrong.cleaning = forbidden  # it takes nothing, either
    async with world.engine() as engine:
        assert len((await world.obtain(engine, world.wanted(at="https://wrong.test"))).leftovers) == 1
        fact = await world.obtain(engine, world.wanted())
    assert (fact.failure, fact.leftovers, world.hook.standing) == (None, (), set())
