"""What an order costs at Let's Encrypt: a first one in full, a renewal less, one inside its window nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.cas import known_ca
from evercert.base.clock import to_epoch
from evercert.db.protocol import Database
from evercert.engine.asking.ledger import Ledger
from evercert.engine.limits.holding import Held
from evercert.model.fact import Account, CertificateFact, Issuance, IssuanceStatus, IssuedCertificate, Renewal
from evercert.pki.cert import read_certificate, self_signed_server
from evercert.pki.chain import split_pem
from evercert.store import accounts, budgets, certificates, issuances, keys
from evercert.store.opening import open_store
from tests.fakes.clock import FakeClock
from tests.store import given

CA = known_ca("letsencrypt").directory
DAY = timedelta(days=1)
INTENT = msgspec.structs.replace(given.intent("www"), ca=CA)


@dataclass
class Home:
    db: Database
    clock: FakeClock
    account: Account

    async def fact(self) -> CertificateFact:
        fact = await certificates.fact(self.db, "www")
        assert fact is not None
        return fact

    async def begun(self, replaces: str = "") -> Issuance:
        now = self.clock.now()
        return await issuances.begin(self.db, "www", self.account.id, None, b"csr", replaces=replaces, now=now)

    async def placed(self, issuance: Issuance, fact: CertificateFact | None = None) -> Issuance:
        return await Ledger(self.db, self.clock, fact or await self.fact(), self.account).placing(issuance)

    async def issue(self, *names: str) -> None:
        identifiers = given.intent("www").identifiers
        pem, _ = self_signed_server(identifiers[: len(names)] if names else identifiers, self.clock.now())
        [leaf] = split_pem(pem.encode())
        placing = await self.placed(await self.begun())
        ordered = await issuances.ordered(
            self.db, placing, "https://a.test/o", ca="https://ca.test", adopted=False, now=self.clock.now()
        )
        await issuances.issued(self.db, ordered, (leaf, b"ca"), read_certificate(leaf), now=self.clock.now())
        self.clock.advance(9 * DAY)

    async def counted(self) -> list[tuple[str, str]]:
        """What is not full, but for the set, whose name is a digest."""
        now = to_epoch(self.clock.now())
        found = [each.key for each in await budgets.at(self.db, CA) if each.tat > now]
        return [(scope, "" if scope == "set" else subject) for _, scope, subject in found]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_store(tmp_path / "evercert.db") as db:
        clock = FakeClock(given.NOW)
        key_id = await keys.add(db, given.SEALER, given.KEY, "account", clock.now())
        account = await accounts.add(db, CA, "default", key_id, now=clock.now(), url="https://a.test/account")
        await certificates.declare(db, INTENT, clock.now())
        yield Home(db, clock, account)


IN_FULL = [("domain", "example.test"), ("orders", "default"), ("set", "")]


def in_window(home: Home, fact: CertificateFact) -> CertificateFact:
    now = home.clock.now()
    return msgspec.structs.replace(fact, renewal=Renewal(now - DAY, now + DAY, now, now + DAY))


async def test_a_first_order_costs_in_full(home: Home) -> None:
    placed = await home.placed(await home.begun())
    assert placed.status is IssuanceStatus.PLACING
    assert await home.counted() == IN_FULL


async def test_an_order_that_is_gone_on_with_costs_nothing(home: Home) -> None:
    placed = await home.placed(await home.begun())
    before = await budgets.at(home.db, CA)
    assert await home.placed(placed) == placed
    assert await budgets.at(home.db, CA) == before


async def test_a_renewal_of_the_same_names_counts_for_these_alone(home: Home) -> None:
    await home.issue()
    await home.placed(await home.begun())
    assert await home.counted() == [("set", "")]


async def test_a_certificate_for_other_names_is_no_renewal(home: Home) -> None:
    await home.issue("one")
    await home.placed(await home.begun())
    assert await home.counted() == IN_FULL


async def test_a_renewal_inside_its_window_costs_nothing_and_outside_of_it_something(home: Home) -> None:
    await home.issue()
    fact = in_window(home, await home.fact())
    placed = await home.placed(await home.begun("aki.serial"), fact)
    assert await home.counted() == []
    # The CA does not take that predecessor: it counts like any renewal.
    await Ledger(home.db, home.clock, fact, home.account).replaces_dropped(placed)
    assert await home.counted() == [("set", "")]


async def test_before_its_window_a_renewal_counts_though_it_names_its_predecessor(home: Home) -> None:
    await home.issue()
    await home.placed(await home.begun("aki.serial"))
    assert await home.counted() == [("set", "")]


async def test_of_one_set_there_are_four_a_week_and_one_in_need(home: Home) -> None:
    for _ in range(4):
        await home.issue()
        home.clock.advance(-9 * DAY)
    with pytest.raises(Held) as told:
        await home.placed(await home.begun())
    assert told.value.limit == ("Let's Encrypt's limit of 5 certificates per exact set of names in 7 days is used up")
    assert told.value.code.name == "held"
    assert told.value.after is not None
    assert timedelta(hours=12) <= told.value.after <= DAY
    fact = await home.fact()
    assert fact.open_issuance is not None
    assert fact.open_issuance.status is IssuanceStatus.KEYED
    ending = msgspec.structs.replace(fact, current=_ending(home))
    assert (await home.placed(fact.open_issuance, ending)).status is IssuanceStatus.PLACING


def _ending(home: Home) -> IssuedCertificate:
    """A certificate, imported once, that lives for one more day."""
    now = home.clock.now()
    return IssuedCertificate(1, "www", None, None, "1", now - 89 * DAY, now + DAY, "f", "CA", "", now - 89 * DAY)


async def test_what_came_to_nothing_is_given_back_but_for_the_order(home: Home) -> None:
    placed = await home.placed(await home.begun())
    await issuances.abandon(home.db, placed, "a challenge failed", now=home.clock.now())
    assert await home.counted() == [("orders", "default")]


async def test_what_was_exempt_is_not_given_back(home: Home) -> None:
    await home.issue()
    before = {each.key: each.tat for each in await budgets.at(home.db, CA) if each.key[1] != "set"}
    placed = await home.placed(await home.begun())
    await issuances.abandon(home.db, placed, "a challenge failed", now=home.clock.now())
    assert await home.counted() == []
    assert {each.key: each.tat for each in await budgets.at(home.db, CA) if each.key[1] != "set"} == before
