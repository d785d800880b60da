"""The loop-breaker: what others have met, and what it must leave alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.backoff import retry_delay
from evercert.base.names import parse_identifier
from evercert.engine.asking.loopbreaker import loop
from evercert.model.event import CertificateStopped
from evercert.model.fact import Cause, CertificateFact, Failure, IssuedCertificate
from evercert.model.intent import CertificateIntent, RenewPolicy
from evercert.store import certificates, events, issuances, issued, tasks
from evercert.store.issuances import Begun
from tests.engine.world import World

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
SIX_DAYS = timedelta(hours=160)


def fact(life: timedelta | None, cause: Cause = Cause.DUE, fraction: float | None = None) -> CertificateFact:
    """One for which another issuance is begun now, for that cause."""
    identifiers = (parse_identifier("www.example.test"),)
    intent = CertificateIntent("www", identifiers, "https://ca.test/dir", renew=RenewPolicy(fraction))
    current = IssuedCertificate(
        id=1,
        certificate="www",
        issuance_id=1,
        key_id=1,
        serial="01",
        not_before=NOW,
        not_after=NOW + (life or DAY),
        fingerprint="00",
        issuer="CA",
        ari_id="aki.serial",
        issued_at=NOW,
        revoked_at=NOW if cause is Cause.REVOKED else None,
    )
    made = CertificateFact(
        intent,
        current=current if life else None,
        forced=cause is Cause.ASKED,
        incident_id=7 if cause is Cause.INCIDENT else None,
    )
    assert made.cause is (cause if life else Cause.FIRST)
    return made


def begun(count: int, every: timedelta, cause: Cause = Cause.DUE, *, in_vain: bool = False) -> list[Begun]:
    """So many, the last of them that long ago."""
    return [Begun(1, cause, NOW - every * (n + 1), issued=not in_vain, in_vain=in_vain) for n in range(count)]


LOOPS = [
    pytest.param(
        fact(90 * DAY), begun(5, 12 * SECOND), "it was renewed 5 times within 30 days, and is due again",
        id="cert-manager #3603: six requests in a minute for one certificate",
    ),
    pytest.param(
        fact(90 * DAY, Cause.ASKED), begun(10, 10 * SECOND, Cause.ASKED),
        "what is wanted of it changed 10 times within 3 days: is it declared in two places?",
        id="cert-manager #4846: two that want one thing differently undo each other",
    ),
    pytest.param(
        fact(None), begun(10, 2 * SECOND, Cause.FIRST, in_vain=True), "10 orders came to nothing within an hour",
        id="cert-manager #8380: the issuer returns a bad certificate, and it is asked again at once",
    ),
    pytest.param(
        fact(90 * DAY), begun(4, DAY), "it was renewed 4 times within 30 days, and is due again",
        id="a CA whose window is always in the past",
    ),
    pytest.param(
        fact(SIX_DAYS), begun(4, 8 * HOUR), "it was renewed 4 times within 2 days, and is due again",
        id="the same with six days of life",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("of", "so_far", "reason"), LOOPS)
def test_a_loop_is_recognized_and_told(of: CertificateFact, so_far: list[Begun], reason: str) -> None:
    assert loop(of, so_far, NOW) == reason


NO_LOOPS = [
    pytest.param(fact(None), [], id="the first one"),
    pytest.param(fact(90 * DAY), begun(3, 45 * DAY), id="ninety days, renewed early each time"),
    pytest.param(fact(SIX_DAYS), begun(40, timedelta(hours=60)), id="six days, renewed before half of its life"),
    pytest.param(fact(90 * DAY, fraction=0.05), begun(50, 3.4 * DAY), id="renewed after a twentieth, as was wanted"),
    pytest.param(fact(90 * DAY), begun(2, DAY), id="a CA moves its window twice"),
    pytest.param(fact(90 * DAY, Cause.ASKED), begun(5, HOUR, Cause.ASKED), id="a person changes it a few times"),
    pytest.param(fact(90 * DAY, Cause.REVOKED), begun(50, HOUR, Cause.REVOKED), id="a CA that revokes"),
    pytest.param(fact(90 * DAY), begun(50, HOUR, Cause.REVOKED), id="due, after a CA has revoked much"),
    pytest.param(fact(90 * DAY), begun(20, DAY, Cause.INCIDENT), id="due, after incidents"),
    pytest.param(fact(90 * DAY, Cause.INCIDENT), begun(5, DAY), id="an incident replaces what would be stopped"),
    pytest.param(fact(None), begun(60, DAY, Cause.FIRST, in_vain=True), id="a name that fails every day"),
    pytest.param(
        fact(None),
        [Begun(account, Cause.FIRST, NOW - 10 * n * MINUTE, issued=False, in_vain=True)
         for account in range(1, 6) for n in range(1, 6)],
        id="five CAs are tried in turn, and fail",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("of", "so_far"), NO_LOOPS)
def test_what_is_in_order_is_left_alone(of: CertificateFact, so_far: list[Begun]) -> None:
    assert loop(of, so_far, NOW) == ""


@given(st.integers(0, 2**32), st.sampled_from([None, HOUR, DAY, SIX_DAYS, 90 * DAY]), st.integers(1, 300))
def test_the_back_off_alone_never_makes_a_loop(seed: int, life: timedelta | None, attempts: int) -> None:
    """However near the end is, or when it is over."""
    rng, so_far, of = Random(seed), list[Begun](), fact(life)
    moment = NOW + life * 2 / 3 if life else NOW
    for failures in range(1, attempts + 1):
        assert loop(of, so_far[-100:], moment) == ""
        so_far.append(Begun(1, of.cause, moment, issued=False, in_vain=True))
        moment += retry_delay(failures, left=NOW + life - moment if life else None, life=life, rng=rng)


@pytest.mark.parametrize("life", [HOUR, DAY, SIX_DAYS])
async def test_a_name_that_is_right_again_at_the_last_moment_has_its_certificate(
    tmp_path: Path, life: timedelta
) -> None:
    world = World(tmp_path, lifetime=life)
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test", targets=()))
        assert fact.current is not None
        end = fact.current.not_after
        world.ca.validate = lambda *_: "no" if world.clock.now() < end - life / 50 else None
        await world.pass_time(engine, end - world.clock.now() - SECOND)
        fact = await world.fact(engine, "www.a.test")
        assert fact.stopped is None
        assert fact.current is not None
        assert fact.current.id == 2


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_window_that_is_always_in_the_past_is_an_alert_and_not_a_renewal_a_day(world: World) -> None:
    now = world.clock.now()
    world.ca.window = (now - 2 * DAY, now - DAY)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        await world.pass_time(engine, 40 * DAY)
        stopped = await world.fact(engine, "www.a.test")
        assert len(world.ca.orders) == 5
        assert stopped.stopped is not None
        assert stopped.stopped.reason == "it was renewed 4 times within 30 days, and is due again"
        assert f"www.a.test: stopped by the loop-breaker: {stopped.stopped.reason}" in world.told
        [alert] = [
            each.event
            for each in await events.latest(engine.db, 50, "www.a.test")
            if isinstance(each.event, CertificateStopped)
        ]
        assert alert.reason == stopped.stopped.reason
        world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
        await tasks.resume(engine.db, "www.a.test", world.clock.now())
        await world.pass_time(engine, 30 * DAY)
        fact = await world.fact(engine, "www.a.test")
    assert fact.stopped is None
    assert fact.current is not None
    assert fact.current.not_after > world.clock.now()
    assert len(world.ca.orders) <= 7


async def test_a_person_may_renew_as_often_as_he_likes(world: World) -> None:
    world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        for _ in range(15):
            world.clock.advance(MINUTE)
            await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
            await engine.worker.settle("www.a.test")
        assert len(await issued.history(engine.db, "www.a.test")) == 16
        assert (await world.fact(engine, "www.a.test")).stopped is None


async def test_two_declarations_that_undo_each_other_end(world: World) -> None:
    world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
    one, other = world.intent("www.a.test"), world.intent("www.a.test", "a.test")
    async with world.engine() as engine:
        for n in range(30):
            world.clock.advance(10 * SECOND)
            wanted = (one, other)[n % 2]
            await certificates.declare(engine.db, wanted, world.clock.now(), digest=f"of file {n % 2}")
            await engine.worker.settle_due()
        fact = await world.fact(engine, "www.a.test")
    assert fact.stopped is not None
    assert fact.stopped.reason.endswith("is it declared in two places?")
    assert len(world.ca.orders) == 11


async def test_orders_that_come_to_nothing_without_a_pause_end(world: World) -> None:
    """As if the back-off were broken."""
    world.ca.validate = lambda *_: "wrong content"
    async with world.engine() as engine:
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now())
        for _ in range(30):
            await engine.worker.settle_due()
            world.clock.advance(SECOND)
            now = world.clock.now()
            await certificates.failed(engine.db, "www.a.test", Failure("acme", "no", now), 0, now)
            await certificates.schedule(engine.db, "www.a.test", now)
        fact = await world.fact(engine, "www.a.test")
        assert fact.stopped is not None
        assert fact.stopped.reason == "10 orders came to nothing within an hour"
        assert len(await issuances.begun_since(engine.db, "www.a.test", world.clock.now() - DAY)) == 10
    assert len(world.ca.orders) == 10
