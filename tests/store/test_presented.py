"""Challenge answers are on record for as long as they may stand outside."""

from __future__ import annotations

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.store import certificates, issuances, presented
from tests.store import given
from tests.store.given import NOW


async def test_items_are_on_record_from_before_they_stand_until_after_they_are_gone(db: Database) -> None:
    issuance = await given.ordered(db)
    first, second = await presented.add(db, [given.item(issuance, "a"), given.item(issuance, "b")])
    assert first.id != second.id
    assert first == msgspec.structs.replace(given.item(issuance, "a"), id=first.id)
    noted = msgspec.structs.replace(first, reference="record-17")
    await presented.note(db, noted)
    assert await given.left_over(db, "www") == [noted, second]
    await presented.remove(db, [noted])
    await presented.remove(db, [noted])
    assert await given.left_over(db, "www") == [second]


async def test_what_an_abandoned_issuance_left_is_still_known(db: Database) -> None:
    issuance = await given.ordered(db)
    items = await presented.add(db, [given.item(issuance)])
    await issuances.abandon(db, issuance, "invalid", now=NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert list(fact.leftovers) == items


async def test_nothing_is_presented_for_an_issuance_that_ended_and_none_of_it_is_kept(db: Database) -> None:
    issuance = await given.ordered(db)
    await issuances.abandon(db, issuance, "invalid", now=NOW)
    with pytest.raises(EvercertError) as caught:
        await presented.add(db, [given.item(issuance, "a"), given.item(issuance, "b")])
    assert caught.value.code.name == "conflict"
    assert await given.left_over(db, "www") == []


async def test_adding_or_removing_nothing_does_nothing(db: Database) -> None:
    assert await presented.add(db, []) == []
    await presented.remove(db, [])


async def test_a_note_for_what_was_removed_is_a_conflict(db: Database) -> None:
    (item,) = await presented.add(db, [given.item(await given.ordered(db))])
    await presented.remove(db, [item])
    with pytest.raises(EvercertError, match="note presented"):
        await presented.note(db, item)
