"""How long the limits allow an incident to take: by hand, and against the arithmetic of one order after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.cas import Limit, LimitScope
from evercert.base.clock import to_epoch
from evercert.base.names import parse_identifiers
from evercert.engine.incident.outlook import Outlook, Tally
from evercert.engine.incident.selecting import Chosen
from evercert.engine.incident.waves import ranked
from evercert.engine.limits.budget import drawn, draws, room_at
from evercert.model.incident import Measures, Selection
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.model.terms import Terms
from evercert.store.budgets import Bucket
from evercert.store.incidents import Candidate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CA = "https://ca.test/directory"
ORDERS = Limit(LimitScope.ORDERS_PER_ACCOUNT, 300, 3 * HOUR, ari_exempt=True)
ONE_SET = Limit(LimitScope.CERTIFICATES_PER_SET, 5, 168 * HOUR)
DOMAIN = Limit(LimitScope.CERTIFICATES_PER_DOMAIN, 50, 168 * HOUR, ari_exempt=True, renewal_exempt=True)


def chosen(number: int, *, is_current: bool = True, suggested: bool = False, csr: bytes = b"") -> Chosen:
    name = f"n{number}.example.test"
    intent = CertificateIntent(
        name, parse_identifiers((name,)), CA, targets=(TargetSpec("files"),), csr=csr, terms=Terms(owner="web")
    )
    candidate = Candidate(
        issued_id=number,
        certificate=name,
        serial=f"{number:x}",
        issuer="R1",
        not_after=NOW + 900 * HOUR,
        key_id=number,
        key="",
        is_current=is_current,
        ca=CA,
        profile="",
        suggested_from=NOW if suggested else None,
        intent="",
    )
    return Chosen(candidate, intent)


def seen(
    found: list[Chosen], *limits: Limit, measures: Measures | None = None, buckets: list[Bucket] | None = None
) -> Outlook:
    measures = measures or Measures()
    tally = Tally(measures, NOW)
    for each in found:
        tally.add(each, ranked(each, Selection(), measures), limits)
    return tally.outlook(buckets or [])


def test_what_is_within_the_limit_has_room_at_once() -> None:
    outlook = seen([chosen(number) for number in range(300)], ORDERS)
    assert (outlook.ends_at, outlook.narrow) == (NOW, [])


def test_a_thousand_orders_at_three_hundred_in_three_hours_take_seven_hours() -> None:
    outlook = seen([chosen(number) for number in range(1000)], ORDERS, DOMAIN)
    assert outlook.ends_at == NOW + 7 * HOUR
    [narrow] = outlook.narrow
    assert (narrow.limit, narrow.need, narrow.room) == (LimitScope.ORDERS_PER_ACCOUNT.value, 1000, 300)
    assert outlook.waves == [100, 200, 400, 300]


def test_what_its_ca_asks_for_counts_for_nothing() -> None:
    outlook = seen([chosen(number, suggested=True) for number in range(1000)], ORDERS, DOMAIN)
    assert (outlook.ends_at, outlook.exempt) == (NOW, 1000)


def test_what_the_ca_said_itself_goes_before_what_we_reckon() -> None:
    bucket = Bucket((CA, ORDERS.scope.word, "default"), learned_until=to_epoch(NOW + HOUR))
    outlook = seen([chosen(1)], ORDERS, buckets=[bucket])
    assert outlook.ends_at == NOW + HOUR
    assert outlook.narrow[0].room == 0


def test_a_set_of_names_is_told_by_the_certificate_that_has_them() -> None:
    draw = next(each for each in draws(chosen(7).intent, [ONE_SET]) if each.limit is ONE_SET)
    full = Bucket((CA, *draw.key), learned_until=to_epoch(NOW + HOUR))
    [narrow] = seen([chosen(6), chosen(7)], ONE_SET, buckets=[full]).narrow
    assert narrow.subject == "as in n7.example.test"


def test_what_is_only_revoked_and_what_needs_its_owner_takes_no_order() -> None:
    found = [chosen(1), chosen(2, is_current=False), chosen(3, csr=b"csr")]
    outlook = seen(found, ORDERS, measures=Measures(revoke=1))
    assert (outlook.certificates, outlook.replaced, outlook.superseded, outlook.needs_request) == (3, 1, 1, 1)
    assert dict(outlook.by_owner) == {"web": 3}


@given(count=st.integers(1, 200), limit=st.integers(1, 60), before=st.integers(0, 100))
def test_the_end_is_that_of_orders_one_after_the_other(count: int, limit: int, before: int) -> None:
    orders = Limit(LimitScope.ORDERS_PER_ACCOUNT, limit, 3 * HOUR)
    tat = to_epoch(NOW)
    for _ in range(min(before, limit)):
        tat = drawn(orders, tat, to_epoch(NOW))
    moment, running = to_epoch(NOW), tat
    for _ in range(count):
        moment = max(moment, room_at(orders, running, urgent=True))
        running = drawn(orders, running, moment)
    bucket = Bucket((CA, orders.scope.word, "default"), tat=tat)
    outlook = seen([chosen(number) for number in range(count)], orders, buckets=[bucket])
    assert to_epoch(outlook.ends_at) == moment


def test_what_another_ca_replaces_draws_on_its_limits() -> None:
    other = "https://other.test/directory"
    bucket = Bucket((other, ORDERS.scope.word, "spare"), learned_until=to_epoch(NOW + HOUR))
    outlook = seen([chosen(1)], ORDERS, buckets=[bucket], measures=Measures(to_ca=other, to_account="spare"))
    assert outlook.ends_at == NOW + HOUR
    assert [narrow.ca for narrow in outlook.narrow] == [other]
    assert dict(outlook.by_ca) == {CA: 1}
