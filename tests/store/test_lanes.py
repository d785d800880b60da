"""Places in lanes: never more than there are, none lost, and whoever waits is called in when one is free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.model.fact import Hold, IssuanceStatus
from evercert.store import certificates, issuances, lanes, leases
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import HOUR, NOW

LANE, MINUTE = "https://ca.test default", timedelta(minutes=1)


async def placed(db: Database, name: str, most: int = 1, lane: str = LANE) -> bool:
    """Whether something could be ordered for it in the lane."""
    issuance = await given.begun(db, name)
    try:
        await issuances.placing(db, issuance, *lanes.entered(lane, name, most, NOW))
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        await issuances.abandon(db, issuance, "no place", now=NOW)
        return False
    return True


async def stands_in_line(db: Database, name: str, lane: str = LANE) -> None:
    await given.declared(db, name)
    await certificates.held(db, name, Hold(NOW + HOUR, "full"), lane=lane)
    await certificates.schedule(db, name, NOW + HOUR)


async def due(db: Database) -> list[str]:
    return [each.certificate for each in await leases.claim_due(db, "somebody", NOW, NOW + MINUTE, 99)]


async def test_of_racing_nodes_as_many_get_in_as_there_are_places(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    async with open_store(place) as one, open_store(place) as two:
        await given.account(one)
        for name in "abcdefgh":
            await given.declared(one, name)
        turns = [placed([one, two][number % 2], name, 3) for number, name in enumerate("abcdefgh")]
        entered = await asyncio.gather(*turns)
        assert sum(entered) == 3
        assert await lanes.others(one, LANE, "z", NOW) == 3


async def test_where_a_lane_is_lifted_all_that_stand_in_line_are_due(db: Database) -> None:
    lines = {"a": LANE, "b": "https://ca.test other", "c": "https://ca.test2 default", "d": "dns:box 0123 a.test"}
    for name, lane in lines.items():
        await stands_in_line(db, name, lane)
        await certificates.schedule(db, name, NOW + HOUR)
    await db.write(lanes.lifted("https://ca.test", NOW))
    assert await due(db) == ["a", "b"]


async def test_who_came_in_by_himself_takes_nobodys_turn(db: Database) -> None:
    assert await placed(db, "leaves", 2)
    for name in ("came", "waits"):
        await stands_in_line(db, name)
        await certificates.schedule(db, name, NOW + HOUR)
    assert await placed(db, "came", 2)
    await certificates.delete(db, "leaves", NOW)
    assert await lanes.call_in(db, LANE, 2, NOW) == 1
    assert await due(db) == ["waits"]


async def test_what_was_not_ordered_took_no_place(db: Database) -> None:
    assert await placed(db, "a")
    assert not await placed(db, "b")
    assert await lanes.others(db, LANE, "a", NOW) == 0


@pytest.mark.parametrize("end", ["issued", "abandoned", "changed", "deleted"])
async def test_with_its_end_the_place_is_free(db: Database, end: str) -> None:
    assert await placed(db, "a")
    fact = await certificates.fact(db, "a")
    assert fact is not None
    assert fact.open_issuance is not None
    if end == "issued":
        ordered = await issuances.ordered(
            db, fact.open_issuance, "https://ca.test/o", ca="https://ca.test", adopted=False, now=NOW
        )
        await issuances.issued(db, ordered, given.chain(1), given.view(1), now=NOW)
    elif end == "abandoned":
        await issuances.abandon(db, fact.open_issuance, "lost", now=NOW)
    elif end == "changed":
        await certificates.declare(db, given.intent("a", profile="other"), NOW)
    else:
        await certificates.delete(db, "a", NOW)
    assert await lanes.others(db, LANE, "z", NOW) == 0
    assert await placed(db, "b")


async def test_as_long_as_one_of_two_orders_is_open_the_place_is_kept(db: Database) -> None:
    assert await placed(db, "a", lane="dns")
    account = await given.account(db, "other")
    rival = await issuances.begin(db, "a", account.id, None, b"csr", now=NOW, rival=True)
    rival = await issuances.placing(db, rival, *lanes.entered("dns", "a", 1, NOW))
    assert rival.status is IssuanceStatus.PLACING
    await issuances.abandon(db, rival, "another CA was first", now=NOW)
    assert not await placed(db, "b", lane="dns")


async def test_who_is_first_in_line_is_called_in_and_the_place_is_kept_for_him(db: Database) -> None:
    for name in "abc":
        await stands_in_line(db, name)
    await stands_in_line(db, "elsewhere", "another lane")
    assert await lanes.waiting(db, LANE, "b", 99) == 2
    assert await lanes.call_in(db, LANE, 2, NOW) == 2
    assert await lanes.call_in(db, LANE, 2, NOW) == 0
    assert await due(db) == ["a", "b"]
    fact = await certificates.fact(db, "a")
    assert fact is not None
    assert fact.hold is None
    assert not await placed(db, "late", 2)
    assert await placed(db, "a", 2)
    assert await placed(db, "b", 2)
    assert not await placed(db, "c", 2)


async def test_who_is_worked_on_when_he_is_called_in_is_looked_at_again(db: Database) -> None:
    await given.declared(db, "a")
    assert await due(db) == ["a"]
    await certificates.held(db, "a", Hold(NOW + HOUR, "full"), lane=LANE)
    assert await lanes.call_in(db, LANE, 1, NOW) == 1
    assert not await certificates.schedule(db, "a", NOW + HOUR)


async def test_who_does_not_come_is_not_waited_for(db: Database) -> None:
    await stands_in_line(db, "a")
    await stands_in_line(db, "b")
    assert await lanes.call_in(db, LANE, 1, NOW) == 1
    assert await lanes.others(db, LANE, "b", NOW + 9 * MINUTE) == 1
    assert await lanes.others(db, LANE, "b", NOW + 10 * MINUTE) == 0
    assert await lanes.call_in(db, LANE, 1, NOW + 10 * MINUTE) == 1


async def test_a_hold_for_something_else_is_no_place_in_line(db: Database) -> None:
    await stands_in_line(db, "a")
    await certificates.held(db, "a", Hold(NOW + HOUR, "a limit"))
    assert await lanes.waiting(db, LANE, "z", 9) == 0
    assert await lanes.call_in(db, LANE, 1, NOW) == 0
