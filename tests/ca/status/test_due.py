"""Which lists have to be made, as a pure function says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from evercert.ca.status.due import bases_after, due_lists, oldest_base
from evercert.ca.status.rules import StatusRules
from evercert.ca.store.crls import Base, ListKey, PublishedList
from tests.ca.status.given import DAY, HOUR, MINUTE, ONE
from tests.pki.hierarchies import NOW

RULES = StatusRules()
DELTAS = StatusRules(delta_every=HOUR)
WHOLE, PART, DELTA = ListKey(ONE), ListKey(ONE, 1), ListKey(ONE, delta=True)


def made(key: ListKey = WHOLE, **more: Any) -> PublishedList:
    return replace(PublishedList(key, 1, NOW, NOW + 3 * DAY, 0, 0, 100, ""), **more)


def due(*lists: PublishedList, after: timedelta = MINUTE, rules: StatusRules = RULES, **scopes: int) -> list[ListKey]:
    counts = {int(name[1:]): count for name, count in scopes.items()} or {0: 0}
    return due_lists(ONE, counts, lists, rules, NOW + after)


def test_what_was_never_made_is_due() -> None:
    assert due() == [WHOLE]
    assert due(made(), p0=0, p1=0) == [PART]


def test_what_was_just_made_is_not() -> None:
    assert due(made()) == []


def test_a_list_is_made_anew_long_before_it_is_over() -> None:
    assert due(made(), after=12 * HOUR - MINUTE) == []
    assert due(made(), after=12 * HOUR) == [WHOLE]


def test_a_list_is_made_anew_soon_after_a_revocation() -> None:
    assert due(made(revoked=4), p0=5) == [WHOLE]
    assert due(made(revoked=4), p0=5, after=timedelta(seconds=4)) == []
    assert due(made(revoked=5), p0=5) == []


def test_a_long_list_waits_for_more_revocations() -> None:
    long = made(entries=1_000_000)
    assert due(long, p0=1, after=timedelta(seconds=49)) == []
    assert due(long, p0=1, after=timedelta(seconds=50)) == [WHOLE]


def test_a_revocation_in_a_part_is_no_reason_to_make_the_whole() -> None:
    lists = made(), made(PART)
    assert due(*lists, p0=0, p1=1) == [PART]
    assert due(*lists, p0=1, p1=0) == [WHOLE]


def test_a_list_from_the_future_is_made_anew() -> None:
    assert due(made(this_update=NOW + DAY)) == [WHOLE]


def test_with_deltas_a_revocation_makes_a_delta_and_the_whole_keeps_its_schedule() -> None:
    lists = made(), made(DELTA, number=2, base=1)
    assert due(*lists, rules=DELTAS) == []
    assert due(*lists, rules=DELTAS, p0=1) == [DELTA]
    assert due(*lists, rules=DELTAS, after=HOUR) == [DELTA]
    assert due(*lists, rules=DELTAS, after=12 * HOUR) == [WHOLE, DELTA]


def test_a_delta_has_a_base_and_a_higher_number_than_it() -> None:
    assert due(rules=DELTAS) == [WHOLE]
    assert due(made(), rules=DELTAS) == [DELTA]
    assert due(made(number=3), made(DELTA, number=2), rules=DELTAS) == [DELTA]


def test_a_delta_goes_on_from_the_oldest_list_that_somebody_may_hold() -> None:
    first = made()
    second = made(number=2, this_update=NOW + DAY, next_update=NOW + 4 * DAY, bases=bases_after(first, NOW + DAY))
    assert second.bases == (Base(1, NOW, NOW + 3 * DAY),)
    assert oldest_base(second, NOW + DAY).number == 1
    assert oldest_base(second, NOW + 3 * DAY).number == 2
    third = bases_after(second, NOW + 3 * DAY)
    assert [each.number for each in third] == [2]
    assert bases_after(None, NOW) == ()
