"""The arithmetic of limits, and which of them an order draws on."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope, limits_at
from evercert.base.names import parse_identifier, parse_identifiers
from evercert.engine.limits import budget
from evercert.model.intent import CertificateIntent, ChallengeRule

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LIMITS = limits_at(LETS_ENCRYPT)

limits = st.builds(
    Limit,
    scope=st.just(LimitScope.ORDERS_PER_ACCOUNT),
    count=st.integers(1, 1000),
    period=st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
)
moments = st.integers(0, 10**16)


def intent(*names: str) -> CertificateIntent:
    return CertificateIntent(names[0], parse_identifiers(names), LETS_ENCRYPT)


def by_scope(draws: tuple[budget.Draw, ...]) -> dict[LimitScope, list[str]]:
    found: dict[LimitScope, list[str]] = {}
    for draw in draws:
        found.setdefault(draw.scope, []).append(draw.subject)
    return found


@given(limits, st.lists(st.integers(0, 10**11), max_size=200), st.booleans())
def test_no_span_sees_more_than_the_burst_and_what_came_back_in_it(limit: Limit, gaps: list[int], urgent: bool) -> None:
    now, tat, taken = 10**15, 0, list[int]()
    for gap in gaps:
        now += gap
        if budget.room_at(limit, tat, urgent=urgent) <= now:
            tat = budget.drawn(limit, tat, now)
            taken.append(now)
    step = budget.interval(limit)
    for first, since in enumerate(taken):
        for last in range(first, len(taken)):
            come_back = (taken[last] - since) // step
            assert last - first + 1 <= budget.usable(limit, urgent=urgent) + come_back


@given(limits, moments)
def test_a_full_bucket_gives_what_is_usable_at_once_and_not_one_more(limit: Limit, now: int) -> None:
    for urgent in (False, True):
        tat, count = 0, 0
        while budget.room_at(limit, tat, urgent=urgent) <= now + 10**16 and count < budget.usable(limit, urgent=urgent):
            tat, count = budget.drawn(limit, tat, now + 10**16), count + 1
        assert count == budget.usable(limit, urgent=urgent)
        assert budget.room_at(limit, tat, urgent=urgent) == now + 10**16 + budget.interval(limit)


@given(limits)
def test_a_token_comes_back_no_sooner_than_at_the_ca(limit: Limit) -> None:
    assert timedelta(microseconds=budget.interval(limit)) * limit.count >= limit.period
    assert 1 <= budget.usable(limit, urgent=False) <= budget.usable(limit, urgent=True) == limit.count


@given(limits, moments, moments, st.integers(1, 50))
def test_drawing_leaves_less_and_waiting_leaves_more(limit: Limit, tat: int, now: int, cost: int) -> None:
    before = budget.left(limit, tat, now)
    assert 0 <= before <= limit.count
    assert budget.left(limit, budget.drawn(limit, tat, now, cost), now) == max(0, before - cost)
    assert budget.left(limit, tat, now + 1) >= before


@given(limits, moments, moments, st.integers(1, 50), st.booleans())
def test_there_is_room_from_the_moment_that_is_told_and_not_before(
    limit: Limit, tat: int, now: int, cost: int, urgent: bool
) -> None:
    cost = min(cost, budget.usable(limit, urgent=urgent))
    there_is = budget.drawn(limit, tat, now, cost) <= now + budget.ahead(limit, urgent=urgent)
    assert there_is == (now >= budget.room_at(limit, tat, cost, urgent=urgent))


@given(limits, moments, st.integers(1, 5000))
def test_what_can_never_be_drawn_has_room_in_a_full_bucket(limit: Limit, now: int, cost: int) -> None:
    assert budget.room_at(limit, now, cost) <= now


@given(limits, st.lists(moments, max_size=50))
def test_history_counts_as_if_it_had_been_drawn(limit: Limit, uses: list[int]) -> None:
    tat = budget.replayed(limit, uses)
    if uses:
        assert max(uses) + budget.interval(limit) <= tat <= max(uses) + limit.count * budget.interval(limit)
    else:
        assert tat == 0


def test_an_order_draws_on_the_account_each_registered_domain_and_the_set() -> None:
    found = by_scope(budget.draws(intent("www.example.co.uk", "example.co.uk", "a.github.io", "b.example.org"), LIMITS))
    assert found[LimitScope.ORDERS_PER_ACCOUNT] == ["default"]
    assert found[LimitScope.CERTIFICATES_PER_DOMAIN] == ["a.github.io", "example.co.uk", "example.org"]
    assert len(found[LimitScope.CERTIFICATES_PER_SET]) == 1
    assert LimitScope.ACCOUNTS_PER_ADDRESS not in found


def test_addresses_count_by_themselves_and_by_a_network_of_64_bits() -> None:
    found = by_scope(budget.draws(intent("192.0.2.7", "2001:db8::1", "2001:db8::2"), LIMITS))
    assert found[LimitScope.CERTIFICATES_PER_DOMAIN] == ["192.0.2.7", "2001:db8::/64"]


def test_the_set_is_the_same_in_whatever_order() -> None:
    one, other = parse_identifiers(("a.test", "b.test")), parse_identifiers(("b.test", "a.test"))
    assert budget.set_digest(one) == budget.set_digest(other) != budget.set_digest(one[:1])


def test_a_renewal_of_the_same_names_counts_for_the_set_alone() -> None:
    found = budget.draws(intent("www.example.com"), LIMITS, renewal=True)
    assert {draw.scope for draw in found if draw.cost} == {LimitScope.CERTIFICATES_PER_SET}


def test_a_renewal_inside_its_window_draws_nothing_but_needs_room_for_a_failure() -> None:
    found = budget.draws(intent("www.example.com"), LIMITS, renewal=True, ari=True)
    assert all(draw.cost == 0 for draw in found)
    assert {draw.scope for draw in found if draw.limit} == {LimitScope.FAILURES_PER_NAME, LimitScope.FAILURES_IN_A_ROW}


def test_a_failure_counts_for_the_base_name_and_the_account() -> None:
    found = budget.failure_draws("default", parse_identifier("*.example.com"), LIMITS)
    assert {draw.subject for draw in found} == {"default example.com"}
    looked_at = budget.draws(intent("*.example.com"), LIMITS)
    assert {draw.key for draw in found} <= {draw.key for draw in looked_at}


def test_a_ca_without_limits_holds_nobody_back_unless_it_says_so() -> None:
    [draw] = budget.draws(intent("www.example.com"), ())
    assert (draw.limit, draw.cost, draw.key) == (None, 0, ("orders", "default"))
    assert budget.account_draw(()).limit is None


def test_buckets_are_always_taken_in_the_same_order() -> None:
    keys = [draw.key for draw in budget.draws(intent("b.example.org", "a.example.com", "c.example.net"), LIMITS)]
    assert keys == sorted(keys)


def test_names_that_are_proved_by_records_draw_on_the_account_at_their_provider() -> None:
    rule = ChallengeRule("dns-01", "cloudflare", {"token": "env:TOKEN", "changes_per_minute": "60"})
    wanted = msgspec.structs.replace(intent("www.example.com", "*.example.org"), challenges=(rule,))
    *_, changes = budget.draws(wanted, ())
    assert (changes.place, changes.cost, changes.key[0]) == ("dns:cloudflare", 4, "changes")
    assert changes.limit == Limit(LimitScope.RECORD_CHANGES, 60, timedelta(minutes=1))
    other_pace = msgspec.structs.replace(rule, options={"token": "env:TOKEN", "changes_per_minute": "30"})
    [*_, same_account] = budget.draws(msgspec.structs.replace(wanted, challenges=(other_pace,)), ())
    assert same_account.key == changes.key
    without = msgspec.structs.replace(rule, options={"token": "env:TOKEN"})
    assert [draw.place for draw in budget.draws(msgspec.structs.replace(wanted, challenges=(without,)), ())] == [""]
