"""Several CAs for one certificate: who is asked when one is down, refuses, wants us to wait, or is not allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.problem import ProblemType
from evercert.base.probe import CaaRecord
from evercert.engine.asking.insisting import waits_for_an_answer
from evercert.engine.asking.prospects import prospects
from evercert.engine.wiring import Engine
from evercert.engine.wishes import wish
from evercert.model.event import CaAnswersAgain, CaDoesNotAnswer, CaPassedOver, Event
from evercert.model.fact import CertificateFact, IssuanceStatus, Verdict
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice, Terms
from evercert.store import accounts, certificates, events, health, issuances, issued
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RESOURCES = ("directory", "new-nonce", "new-account", "new-order", "order", "authz", "challenge", "finalize")


class Two(World):
    """A world with a second CA, which is asked after the first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.second = self.another_ca("https://second.test")

    def intent(self, *names: str, **changes: object) -> CertificateIntent:
        further = Terms(further_cas=(CaChoice(self.second.directory_url),))
        return super().intent(*names, **({"terms": further} | changes))


@pytest.fixture
def world(tmp_path: Path) -> Two:
    return Two(tmp_path)


@pytest.fixture
async def engine(world: Two) -> AsyncIterator[Engine]:
    async with world.engine() as engine:
        yield engine


def kill(ca: FakeCa) -> None:
    for resource in RESOURCES:
        ca.fail(resource, Fault.lost(), times=10_000)


def revive(ca: FakeCa) -> None:
    ca._faults.clear()


async def issuer(engine: Engine, fact: CertificateFact) -> str:
    """The CA of the current certificate."""
    assert fact.current is not None
    assert fact.current.issuance_id is not None
    issuance = await issuances.get(engine.db, fact.current.issuance_id)
    assert issuance is not None
    account = await accounts.get(engine.db, issuance.account_id)
    assert account is not None
    return account.ca


async def told(engine: Engine, kind: type[Event]) -> list[Event]:
    return [each.event for each in await events.latest(engine.db, 1000) if isinstance(each.event, kind)][::-1]


async def test_a_ca_that_refuses_is_passed_over_at_once(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER, "policy forbids it"))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert await issuer(engine, fact) == world.second.directory_url
    assert (fact.failure, fact.trials, fact.open_issuance, fact.rival) == (None, (), None, None)
    [passed] = await told(engine, CaPassedOver)
    assert isinstance(passed, CaPassedOver)
    assert (passed.ca, passed.verdict, passed.next_ca) == (
        world.ca.directory_url,
        "refused",
        world.second.directory_url,
    )
    assert "policy forbids it" in passed.reason


async def test_the_first_one_is_asked_again_for_the_next_certificate(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
    await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 70 * DAY)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.ca.directory_url
    # The predecessor is another account's: it cannot be named (RFC 9773 §5).
    assert [order.replaces for order in world.ca.orders.values()] == [""]


async def test_of_a_refusal_nobody_else_helps_with_the_back_off_is_the_usual_one(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
    fact = await world.obtain(engine, world.intent("www.a.test", terms=Terms()))
    assert fact.retry_at is not None
    assert fact.retry_at - world.clock.now() < 2 * MINUTE
    await world.pass_time(engine, 2 * MINUTE)
    assert (await world.fact(engine, "www.a.test")).current is not None


async def test_a_long_limit_is_not_waited_for_and_a_short_one_is(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.RATE_LIMITED, retry_after=str(20 * 60)))
    fact = await world.obtain(engine, world.intent("other.a.test"))
    assert (fact.current, fact.failures) == (None, 0)
    assert [each.verdict for each in fact.trials] == [Verdict.LIMITED]
    assert fact.hold is not None
    assert fact.hold.ca == world.ca.directory_url
    await world.pass_time(engine, HOUR)
    fact = await world.fact(engine, "other.a.test")
    assert await issuer(engine, fact) == world.ca.directory_url
    world.ca.fail("new-order", Fault.refused(ProblemType.RATE_LIMITED, retry_after=str(5 * 3600)))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert await issuer(engine, fact) == world.second.directory_url
    assert (fact.hold, fact.failure, fact.trials) == (None, None, ())
    [passed] = await told(engine, CaPassedOver)
    assert isinstance(passed, CaPassedOver)
    assert passed.verdict == "limited"


async def test_a_ca_that_is_silent_near_the_end_is_told_of_once(tmp_path: Path) -> None:
    world = Two(tmp_path, lifetime=10 * MINUTE)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        kill(world.ca)
        for _ in range(3):
            known = (await health.outages(engine.db)).get(world.ca.directory_url)
            await health.silent(engine.db, world.ca.directory_url, known, "no answer", world.clock.now())
        # It is silent for the fourth time, and down for longer than what is left would have this one wait.
        world.clock.advance(timedelta(minutes=8, seconds=48))
        await engine.worker.settle_due()
        assert await issuer(engine, await world.fact(engine, "www.a.test")) == world.second.directory_url
        assert [each.verdict for each in await told(engine, CaPassedOver) if isinstance(each, CaPassedOver)] == [
            "outage"
        ]


async def test_a_limit_that_others_have_used_up_is_no_reason_to_ask_in_vain(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.RATE_LIMITED, retry_after=str(5 * 3600)))
    for name in ("www.a.test", "other.a.test"):
        fact = await world.obtain(engine, world.intent(name))
        assert await issuer(engine, fact) == world.second.directory_url
    assert world.ca.seen["new-order"] == 1


async def test_what_fails_by_us_fails_at_one_ca_three_times_before_it_is_tried_at_another(
    world: Two, engine: Engine
) -> None:
    world.ca.validate = lambda *_: "no answer"
    await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 5 * MINUTE)
    fact = await world.fact(engine, "www.a.test")
    assert [(each.verdict, each.failures) for each in fact.trials] == [(Verdict.FAILED, 2)]
    assert len(world.second.orders) == 0
    await world.pass_time(engine, HOUR)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.second.directory_url
    assert len(world.ca.orders) == 3
    assert list(world.webroot.rglob("*")) == []


async def test_fifty_certificates_ask_a_dead_ca_a_few_times_and_are_issued_by_the_other(
    world: Two, engine: Engine
) -> None:
    kill(world.ca)
    names = [f"n{number}.a.test" for number in range(50)]
    for name in names:
        await certificates.declare(engine.db, world.intent(name), world.clock.now())
    await engine.worker.settle_due()
    await world.pass_time(engine, 10 * MINUTE)
    for name in names:
        assert await issuer(engine, await world.fact(engine, name)) == world.second.directory_url
    # A directory is asked for twice before it counts as lost; four looks within a minute and a half.
    assert world.ca.seen == {"directory": 8}
    assert len(await told(engine, CaDoesNotAnswer)) == 1
    assert len(await told(engine, CaPassedOver)) == 50


async def test_certificates_that_have_no_other_ca_wait_and_count_no_failure_for_it(world: Two, engine: Engine) -> None:
    kill(world.ca)
    names = [f"n{number}.a.test" for number in range(50)]
    for name in names:
        await certificates.declare(engine.db, world.intent(name, terms=Terms()), world.clock.now())
    await engine.worker.settle_due()
    await world.pass_time(engine, 12 * HOUR)
    # Once in a quarter of an hour, by one of them.
    assert world.ca.seen["directory"] <= 2 * (12 * 4 + 7)
    facts = [await world.fact(engine, name) for name in names]
    assert sum(fact.failures for fact in facts) <= 12 * 4 + 7 + engine.settings.concurrency
    assert sum(fact.hold is not None for fact in facts) >= 40
    [down] = await told(engine, CaDoesNotAnswer)
    revive(world.ca)
    await world.pass_time(engine, 20 * MINUTE)
    for name in names:
        fact = await world.fact(engine, name)
        assert await issuer(engine, fact) == world.ca.directory_url
        assert fact.hold is None
    [again] = await told(engine, CaAnswersAgain)
    assert isinstance(again, CaAnswersAgain)
    assert isinstance(down, CaDoesNotAnswer)
    assert again.ca == down.ca == world.ca.directory_url
    assert await health.outages(engine.db) == {}


async def test_one_lost_request_is_no_outage(world: Two, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.lost())
    await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 3 * MINUTE)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.ca.directory_url
    assert await told(engine, CaDoesNotAnswer) == []
    assert await health.outages(engine.db) == {}


async def test_an_order_at_a_ca_that_is_down_is_kept_and_finished_if_it_is_back_first(
    world: Two, engine: Engine
) -> None:
    world.ca.fail("finalize", Fault.lost(), times=10_000)
    world.second.fail("new-order", Fault.refused(ProblemType.RATE_LIMITED, retry_after="3000"), times=10_000)
    fact = await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 3 * MINUTE)
    fact = await world.fact(engine, "www.a.test")
    assert fact.open_issuance is not None
    assert fact.open_issuance.status is IssuanceStatus.ORDERED
    assert fact.rival is not None
    assert len(world.ca.orders) == 1
    revive(world.ca)
    await world.pass_time(engine, HOUR)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.ca.directory_url
    assert len(world.ca.orders) == 1
    assert (fact.open_issuance, fact.rival) == (None, None)


async def test_an_order_that_was_overtaken_is_withdrawn_when_its_ca_is_back(world: Two, engine: Engine) -> None:
    world.ca.fail("challenge", Fault.lost(), times=10_000)
    await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 10 * MINUTE)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.second.directory_url
    assert fact.withdraw_at is not None
    revive(world.ca)
    await world.pass_time(engine, 2 * DAY)
    assert [each.status for each in world.ca.authorizations.values()] == ["deactivated"]
    fact = await world.fact(engine, "www.a.test")
    assert fact.withdraw_at is None
    assert fact.leftovers == ()


async def test_a_ca_that_wants_us_to_wait_is_asked_again_to_withdraw_an_order(world: Two, engine: Engine) -> None:
    world.ca.fail("challenge", Fault.lost(), times=10_000)
    await world.obtain(engine, world.intent("www.a.test"))
    await world.pass_time(engine, 5 * MINUTE)
    revive(world.ca)
    world.ca.fail("order", Fault.refused(ProblemType.RATE_LIMITED, retry_after="60"))
    await world.pass_time(engine, 2 * DAY)
    assert any("could not be withdrawn" in line for line in world.told)
    assert [each.status for each in world.ca.authorizations.values()] == ["deactivated"]
    assert (await world.fact(engine, "www.a.test")).withdraw_at is None


async def test_an_order_that_cannot_be_withdrawn_is_forgotten_when_it_must_be_over(world: Two, engine: Engine) -> None:
    world.ca.fail("challenge", Fault.lost(), times=10_000)
    await world.obtain(engine, world.intent("www.a.test"))
    kill(world.ca)
    await world.pass_time(engine, 9 * DAY)
    fact = await world.fact(engine, "www.a.test")
    assert fact.current is not None
    assert fact.withdraw_at is None


async def test_a_ca_that_caa_forbids_is_not_asked(world: Two, engine: Engine) -> None:
    world.second.meta = msgspec.structs.replace(world.second.meta, caa_identities=("second.test",))
    world.dns.caa_records["a.test"] = [CaaRecord(0, "issue", "second.test")]
    fact = await world.obtain(engine, world.intent("www.a.test", "a.test"))
    assert await issuer(engine, fact) == world.second.directory_url
    assert len(world.ca.orders) == 0
    [passed] = await told(engine, CaPassedOver)
    assert isinstance(passed, CaPassedOver)
    assert passed.verdict == "refused"
    assert "lets only second.test issue" in passed.reason


async def test_where_caa_forbids_every_ca_nothing_is_ordered_and_the_reason_is_told(world: Two, engine: Engine) -> None:
    world.dns.caa_records["a.test"] = [CaaRecord(0, "issue", ";")]
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert fact.failure is not None
    assert fact.failure.code == "ca-refused"
    assert "CAA" in fact.failure.message
    assert "a.test CAA 0 issue" in fact.failure.hint
    assert len(world.ca.orders) == len(world.second.orders) == 0
    assert {each.verdict for each in fact.trials} == {Verdict.REFUSED}


async def test_whoever_could_not_find_out_whether_a_ca_answers_leaves_that_to_the_next(
    world: Two, engine: Engine
) -> None:
    """It was not asked, because CAA records forbid it to issue for that name."""
    world.dns.caa_records["a.test"] = [CaaRecord(0, "issue", "somebody.test")]
    await health.silent(engine.db, world.ca.directory_url, None, "no answer", world.clock.now())
    world.clock.advance(10)
    fact = await world.obtain(engine, world.intent("www.a.test", terms=Terms()))
    assert [each.verdict for each in fact.trials] == [Verdict.REFUSED]
    fact = await world.obtain(engine, world.intent("www.b.test", terms=Terms()))
    assert fact.current is not None


@pytest.mark.parametrize("why", ["dns is down", "a private ca"])
async def test_what_is_not_known_of_caa_forbids_nothing(world: Two, engine: Engine, why: str) -> None:
    world.dns.caa_records["a.test"] = [CaaRecord(0, "issue", "somebody.test")]
    if why == "dns is down":
        world.dns.unreachable.add("")
    else:
        world.ca.meta = msgspec.structs.replace(world.ca.meta, caa_identities=())
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert await issuer(engine, fact) == world.ca.directory_url


async def test_renewal_information_and_revocation_are_asked_of_the_ca_that_issued(world: Two, engine: Engine) -> None:
    now = world.clock.now()
    world.ca.window = world.second.window = (now + 50 * DAY, now + 55 * DAY)
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert fact.renewal is not None
    assert (world.ca.seen["renewal-info"], world.second.seen["renewal-info"]) == (0, 1)
    assert fact.current is not None
    registered = await engine.accounts.that_issued(fact.current, fact.intent)
    leaf, _ = await issued.body(engine.db, fact.current.id)
    await registered.client.revoke(leaf, 5)
    assert [each.revoked for each in world.second.certificates.values()] == [5]


async def test_a_restart_in_the_middle_of_an_outage_goes_on_as_if_nothing_had_been(world: Two) -> None:
    kill(world.ca)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
    async with world.engine() as engine:
        await world.pass_time(engine, 5 * MINUTE)
        fact = await world.fact(engine, "www.a.test")
        assert await issuer(engine, fact) == world.second.directory_url


async def test_a_changed_intent_and_a_person_who_asks_have_every_ca_asked_anew(world: Two, engine: Engine) -> None:
    for ca in (world.ca, world.second):
        ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER), times=2)
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert len(fact.trials) == 2
    await certificates.wake(engine.db, "www.a.test", world.clock.now())
    assert (await world.fact(engine, "www.a.test")).trials == ()
    await engine.worker.settle("www.a.test")
    assert len((await world.fact(engine, "www.a.test")).trials) == 2
    fact = await world.obtain(engine, world.intent("www.a.test", "a.test"))
    assert await issuer(engine, fact) == world.ca.directory_url


async def test_a_person_who_asks_again_has_the_next_ca_asked_of_one_that_is_silent(world: Two, engine: Engine) -> None:
    kill(world.ca)
    intent = world.intent("www.a.test")
    fact = await world.obtain(engine, intent)
    assert waits_for_an_answer(fact, await health.outages(engine.db))
    await wish(engine.db, [intent], world.clock.now())
    await engine.worker.settle(intent.name)
    fact = await world.fact(engine, "www.a.test")
    assert await issuer(engine, fact) == world.second.directory_url
    assert not waits_for_an_answer(fact, await health.outages(engine.db))


async def test_only_for_silence_is_it_of_use_to_ask_again_at_once(world: Two, engine: Engine) -> None:
    for ca in (world.ca, world.second):
        kill(ca)
    intent = world.intent("www.a.test")
    fact = await world.obtain(engine, intent)
    looks = 1
    while waits_for_an_answer(fact, await health.outages(engine.db)):
        await wish(engine.db, [intent], world.clock.now())
        await engine.worker.settle(intent.name)
        fact, looks = await world.fact(engine, "www.a.test"), looks + 1
    assert (fact.current, looks) == (None, 3)
    assert not waits_for_an_answer(await world.obtain(engine, world.intent("a.test", terms=Terms())), {})
    revive(world.second)
    world.second.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
    await wish(engine.db, [intent], world.clock.now())
    await engine.worker.settle(intent.name)
    fact = await world.fact(engine, "www.a.test")
    assert Verdict.REFUSED in {trial.verdict for trial in fact.trials}
    assert not waits_for_an_answer(fact, await health.outages(engine.db))


async def test_it_can_be_told_which_ca_is_asked_and_what_came_of_the_others(world: Two, engine: Engine) -> None:
    now = world.clock.now()
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER, "policy forbids it"))
    world.second.fail("new-order", Fault.refused(ProblemType.RATE_LIMITED, retry_after="600"))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    first, second = await prospects(engine.db, fact, now)
    assert (first.asked, first.verdict, first.ca) == (False, "refused", world.ca.directory_url)
    assert "policy forbids it" in first.reason
    assert first.until is not None
    assert first.until > now + DAY
    assert (second.asked, second.verdict) == (False, "limited")
    # What was begun there goes first.
    fresh = msgspec.structs.replace(fact, trials=())
    assert [each.asked for each in await prospects(engine.db, fresh, now)] == [False, True]
