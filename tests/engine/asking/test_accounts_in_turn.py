"""Several accounts at one CA for one certificate: each counts as a CA of its own, but for whether that answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import ProblemType
from evercert.engine.asking.prospects import prospects
from evercert.engine.wiring import Engine
from evercert.model.access import CaAccess, OwnLimit, Registration
from evercert.model.event import CaPassedOver
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice, Terms
from evercert.store import accounts, cas, events
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault

HOUR = timedelta(hours=1)
OCTETS = b"secret-of-thirty-two-octets-----"
SECRET = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLS0tLS0"


class Twice(World):
    """A world with one CA, which is asked by a second account after the first."""

    def intent(self, *names: str, **changes: object) -> CertificateIntent:
        further = Terms(further_cas=(CaChoice(self.ca.directory_url, "other"),))
        return super().intent(*names, **({"terms": further} | changes))


@pytest.fixture
def world(tmp_path: Path) -> Twice:
    return Twice(tmp_path)


@pytest.fixture
async def engine(world: Twice) -> AsyncIterator[Engine]:
    async with world.engine() as engine:
        yield engine


def fall_silent(ca: FakeCa) -> None:
    for resource in ("directory", "new-nonce", "new-account", "new-order"):
        ca.fail(resource, Fault.lost(), times=10_000)


async def account_of(engine: Engine, fact: CertificateFact) -> str:
    """Which one got the current certificate."""
    assert fact.current is not None
    assert fact.current.issuance_id is not None
    found = await accounts.of_issuance(engine.db, fact.current.issuance_id)
    assert found is not None
    return found[1]


async def test_what_the_ca_refuses_one_account_the_other_is_asked_for(world: Twice, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER, "not for this account"))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert await account_of(engine, fact) == "other"
    assert (fact.failure, fact.trials, fact.open_issuance, fact.rival) == (None, (), None, None)
    passed = next(each.event for each in await events.latest(engine.db, 50) if isinstance(each.event, CaPassedOver))
    assert isinstance(passed, CaPassedOver)
    assert (passed.ca, passed.account) == (world.ca.directory_url, "default")
    assert (passed.next_ca, passed.next_account) == (world.ca.directory_url, "other")


async def test_an_account_that_cannot_be_made_keeps_the_other_from_nothing(world: Twice, engine: Engine) -> None:
    world.ca.eab_keys = {"kid-2": OCTETS}
    secret = world.folder / "hmac"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    other = Registration("other", eab_kid="kid-2", eab_key=f"file:{secret}")
    await cas.configure(engine.db, CaAccess(world.ca.directory_url).saying(other))
    fact = await world.obtain(engine, world.intent("www.a.test"))
    assert await account_of(engine, fact) == "other"
    [made] = world.ca.accounts
    assert (await engine.accounts.registered(world.ca.directory_url, "other")).account.url == made


async def test_a_limit_of_one_account_is_none_of_the_other(world: Twice, engine: Engine) -> None:
    limits = (OwnLimit("orders", 1, int(3 * HOUR.total_seconds())),)
    await cas.configure(engine.db, CaAccess(world.ca.directory_url, limits=limits))
    facts = [await world.obtain(engine, world.intent(f"{name}.a.test")) for name in ("one", "two", "three")]
    assert [await account_of(engine, fact) for fact in facts[:2]] == ["default", "other"]
    assert (facts[2].current, facts[2].failure) == (None, None)
    assert facts[2].hold is not None
    told = await prospects(engine.db, facts[2], world.clock.now())
    assert [(each.account, each.asked, each.verdict) for each in told] == [
        ("default", False, "limited"),
        ("other", False, "limited"),
    ]


async def test_an_order_is_gone_on_with_by_the_account_that_placed_it(world: Twice, engine: Engine) -> None:
    world.ca.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER))
    world.ca.fail("finalize", Fault.answered(503), times=100)
    first = await world.obtain(engine, world.intent("www.a.test"))
    assert first.current is None
    assert first.open_issuance is not None
    assert len(world.ca.orders) == 1
    world.ca._faults.clear()
    await world.pass_time(engine, HOUR)
    fact = await world.fact(engine, "www.a.test")
    assert await account_of(engine, fact) == "other"
    assert len(world.ca.orders) == 1
    assert fact.current is not None
    assert fact.current.issuance_id == first.open_issuance.id


async def test_a_ca_that_is_silent_is_not_asked_by_another_account_instead(world: Twice, engine: Engine) -> None:
    fall_silent(world.ca)
    fact = await world.obtain(engine, world.intent("www.a.test"))
    (world.folder / "alone").mkdir()
    alone = World(world.folder / "alone")
    fall_silent(alone.ca)
    async with alone.engine() as one:
        await alone.obtain(one, alone.intent("www.a.test"))
    assert world.ca.seen == alone.ca.seen
    assert world.ca.seen.total() > 0
    await world.pass_time(engine, 2 * HOUR)
    fact = await world.fact(engine, "www.a.test")
    assert fact.current is None
    world.ca._faults.clear()
    await world.pass_time(engine, HOUR)
    fact = await world.fact(engine, "www.a.test")
    assert await account_of(engine, fact) == "default"
    assert fact.trials == ()


async def test_one_outage_of_a_ca_is_one_passing_over_for_all_accounts_there(world: Twice, engine: Engine) -> None:
    spare = world.another_ca("https://spare.test")
    further = (CaChoice(world.ca.directory_url, "other"), CaChoice(spare.directory_url))
    fall_silent(world.ca)
    await world.obtain(engine, world.intent("www.a.test", terms=Terms(further_cas=further)))
    await world.pass_time(engine, 2 * HOUR)
    for name in ("www.b.test", "www.c.test"):  # the one finds out that it is still silent, the other knows it
        await world.obtain(engine, world.intent(name, terms=Terms(further_cas=further)))
    await world.pass_time(engine, 2 * HOUR)
    for name in ("www.a.test", "www.b.test", "www.c.test"):
        assert (await world.fact(engine, name)).current is not None
        happened = [each.event for each in await events.latest(engine.db, 100)]
        passed = [each for each in happened if isinstance(each, CaPassedOver) and each.certificate == name]
        assert [(each.ca, each.next_ca) for each in passed] == [(world.ca.directory_url, spare.directory_url)]
