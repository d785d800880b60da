"""Two that write at the same moment: whoever was first, what is found afterwards fits together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.store import certificates, events, issuances, issued, presented, retention
from evercert.store.opening import open_store
from evercert.store.retention import Retention
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import DAY, NOW

Both = tuple[Database, Database]

_ROUNDS = 40


@pytest.fixture
async def both(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[Both]:
    """One store, opened twice."""
    place = new_place(MIGRATIONS)
    async with open_store(place) as one, open_store(place) as another:
        yield one, another


async def at_once(*attempts: Awaitable[object]) -> list[object]:
    """What came of each; a conflict is an outcome, anything else a failure."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, EvercertError):
            raise outcome
        assert not isinstance(outcome, EvercertError) or outcome.code.name == "conflict", outcome
    return outcomes


async def test_no_issuance_begins_from_an_intent_that_changes_at_that_moment(both: Both) -> None:
    one, another = both
    account = await given.account(one)
    for n in range(_ROUNDS):
        name = f"c{n}"
        before = await given.declared(one, name, profile="before")
        await at_once(
            issuances.begin(one, name, account.id, None, b"csr", now=NOW, profile=before.profile or "", intent=before),
            certificates.declare(another, given.intent(name, profile="after"), NOW),
        )
        fact = await certificates.fact(one, name)
        assert fact is not None
        if fact.open_issuance is not None:
            assert fact.open_issuance.profile == fact.intent.profile


async def test_nothing_is_presented_for_an_issuance_that_ends_at_that_moment_and_then_forgotten(both: Both) -> None:
    one, another = both
    for n in range(_ROUNDS):
        issuance = await given.ordered(one, f"c{n}")
        await at_once(
            presented.add(one, [given.item(issuance)]), issuances.abandon(another, issuance, "invalid", now=NOW)
        )
        left = await given.left_over(one, f"c{n}")
        with suppress(EvercertError):
            await certificates.delete(another, f"c{n}", NOW)
        assert bool(await certificates.fact(one, f"c{n}")) is bool(left)


async def test_a_chain_is_not_pruned_while_a_certificate_with_it_is_kept(both: Both) -> None:
    one, another = both
    for n in range(1, _ROUNDS):
        name = f"c{n}"
        issuance = await given.ordered(one, name)
        outcomes = await at_once(
            issuances.issued(one, issuance, given.chain(n), given.view(n), now=NOW),
            retention.prune(another, NOW + DAY, Retention()),
        )
        assert not isinstance(outcomes[0], EvercertError), outcomes[0]
        fact = await certificates.fact(another, name)
        assert fact is not None
        assert fact.current is not None
        assert len((await issued.body(one, fact.current.id))[1]) == 2
        await certificates.delete(one, name, NOW)  # its chain is without a certificate, until the next round
    await events.verify(another)
