"""The fleet as it is read from the store, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

import pytest

from evercert.acme.cas import Limit, LimitScope, known_ca
from evercert.base.clock import to_epoch
from evercert.base.names import parse_identifiers
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.engine.forecast.fleet import OtherCa
from evercert.engine.forecast.outlook import forecast
from evercert.engine.forecast.reading import Choice, read_failing, read_fleet, sampled
from evercert.engine.limits.budget import set_digest
from evercert.engine.plan import renewal_moment
from evercert.model.access import CaAccess, OwnLimit
from evercert.model.fact import Renewal
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.terms import CaChoice, Criticality, Freeze, Terms
from evercert.store import budgets, cas, certificates, directories, issuances, issued, quotas, renewals, tasks
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import CA, DAY, NOW

LETS_ENCRYPT = known_ca("letsencrypt").directory


@pytest.fixture
async def db(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[Database]:
    async with open_store(new_place(MIGRATIONS)) as opened:
        yield opened


def wanted(name: str, *names: str, **changes: object) -> CertificateIntent:
    plain = {"name": name, "identifiers": parse_identifiers(names or (name,)), "ca": LETS_ENCRYPT}
    return CertificateIntent(**(plain | changes))  # type: ignore[arg-type]  # the struct says what it takes


async def test_a_certificate_is_due_when_the_planner_says(db: Database) -> None:
    certificate = await given.issued(db)
    known = await read_fleet(db, NOW, Choice())
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.current is not None
    assert list(known.fleet.due) == [int(renewal_moment(fact, fact.current)[0].timestamp())]
    assert list(known.fleet.ends) == [int((NOW + 90 * DAY).timestamp())]
    [kind] = known.fleet.kinds
    assert (kind.life, kind.lead, kind.foreign, kind.ari) == (90 * 86_400, 30 * 86_400, False, False)
    await directories.remember(db, CA, {"renewalInfo": "https://ca.test/ari"}, NOW)
    moment = NOW + 50 * DAY
    await renewals.put(db, certificate.id, Renewal(moment, moment + DAY, moment, NOW + DAY), NOW)
    known = await read_fleet(db, NOW, Choice())
    assert [kind.ari for kind in known.fleet.kinds] == [True]
    assert list(known.fleet.due) == [int(moment.timestamp())]


async def test_what_another_account_got_is_a_first_certificate_for_this_one(db: Database) -> None:
    await given.issued(db)
    await certificates.declare(db, given.intent(account="other"), NOW)
    known = await read_fleet(db, NOW, Choice())
    assert [kind.foreign for kind in known.fleet.kinds] == [True]


async def test_further_cas_are_known_and_which_of_them_has_issued(db: Database) -> None:
    await given.issued(db)
    other = CaChoice("https://other.test/directory", "second")
    await certificates.declare(db, given.intent(terms=Terms(further_cas=(other, CaChoice(CA)))), NOW)
    await directories.remember(db, other.directory, {"renewalInfo": "https://other.test/ari"}, NOW)
    known = await read_fleet(db, NOW, Choice())
    [kind] = known.fleet.kinds
    assert (kind.further, kind.foreign, kind.issued_by) == ((OtherCa(other.directory, "second", ari=True),), False, 0)
    assert set(known.rules) == {CA, other.directory}
    turned = given.intent(ca=other.directory, account="second", terms=Terms(further_cas=(CaChoice(CA),)))
    await certificates.declare(db, turned, NOW)
    [kind] = (await read_fleet(db, NOW, Choice())).fleet.kinds
    assert (kind.foreign, kind.issued_by) == (True, 1)


async def test_one_that_was_never_issued_is_due_now_and_will_live_as_long_as_its_like(db: Database) -> None:
    certificate = await given.issued(db)
    assert certificate.lifetime == 90 * DAY
    await given.declared(db, "new")
    await given.declared(db, "asked", lifetime=6 * 86_400)
    fleet = (await read_fleet(db, NOW, Choice())).fleet
    lives = [fleet.kinds[number].life // 86_400 for number in fleet.kind]
    assert lives == [6, 90, 90]
    assert list(fleet.due)[:2] == [int(NOW.timestamp())] * 2
    assert list(fleet.ends)[:2] == [0, 0]


async def test_what_it_counts_by_is_known_where_it_counts(db: Database) -> None:
    rule = ChallengeRule("dns-01", "rfc2136")
    await certificates.declare(db, wanted("a", "www.a.test", "*.a.test", "b.test", challenges=(rule,)), NOW)
    await certificates.declare(db, wanted("b", "www.b.test"), NOW)
    fleet = (await read_fleet(db, NOW, Choice())).fleet
    assert list(fleet.domains) == ["a.test", "b.test"] or list(fleet.domains) == ["b.test", "a.test"]
    assert list(fleet.several) == [(0, 1)]
    assert (fleet.identifiers, fleet.dns_identifiers) == (4, 3)


async def test_the_question_is_about_the_chosen_and_the_others_are_there(db: Database) -> None:
    await certificates.declare(db, wanted("a.test", terms=Terms(owner="web", tags=("shop",))), NOW)
    await certificates.declare(db, wanted("b.test", "www.b.test"), NOW)
    await given.declared(db, "elsewhere")

    async def chosen(choice: Choice) -> list[bool]:
        fleet = (await read_fleet(db, NOW, choice)).fleet
        return [fleet.kinds[number].chosen for number in fleet.kind]

    assert await chosen(Choice()) == [True, True, True]
    assert await chosen(Choice(ca=LETS_ENCRYPT)) == [True, True]
    assert await chosen(Choice(ca=LETS_ENCRYPT, owner="web")) == [True, False]
    assert await chosen(Choice(tag="shop")) == [True, False, False]
    assert await chosen(Choice(match="www.b*")) == [False, True, False]
    assert await sampled(db, Choice(ca=CA), [0]) == {0: "elsewhere"}
    assert await sampled(db, Choice(), [1, 7]) == {1: "b.test"}


async def test_limits_are_those_that_were_declared_and_what_was_drawn_is_drawn(db: Database) -> None:
    own = OwnLimit("domain", 2, 86_400)
    await cas.configure(db, CaAccess(LETS_ENCRYPT, limits=(own,)))
    names = parse_identifiers(("a.test",))
    await certificates.declare(db, wanted("a.test"), NOW)
    key = (LETS_ENCRYPT, "domain", "a.test")
    later = to_epoch(NOW + timedelta(days=3))
    await budgets.seed(db, [budgets.Bucket(key, later), budgets.Bucket((LETS_ENCRYPT, "set", set_digest(names)), 5)])
    known = await read_fleet(db, NOW, Choice())
    [limit] = [each for each in known.rules[LETS_ENCRYPT].limits if each.scope is LimitScope.CERTIFICATES_PER_DOMAIN]
    assert limit == Limit(
        LimitScope.CERTIFICATES_PER_DOMAIN, 2, timedelta(days=1), ari_exempt=True, renewal_exempt=True
    )
    assert known.books[key] == later
    assert known.books[LETS_ENCRYPT, "set", known.fleet.names[0]] == 5
    [shortage] = forecast(known.fleet, known.rules, known.books, 30 * 86_400).shortages
    assert (shortage.bucket and shortage.bucket.subject, shortage.waiting) == ("a.test", 1)
    assert timedelta(days=2) < timedelta(seconds=shortage.longest) < timedelta(days=3)


async def test_a_freeze_puts_a_renewal_off_and_the_forecast_knows(db: Database) -> None:
    freeze = Freeze(NOW + 50 * DAY, NOW + 70 * DAY)
    await given.declared(db, "www", terms=Terms(freezes=(freeze,)))
    await given.issued(db, "www")
    known = await read_fleet(db, NOW, Choice())
    outlook = forecast(known.fleet, known.rules, known.books, 90 * 86_400)
    [due] = [step for step, count in enumerate(outlook.course.due) if count]
    assert due == 70 * 24


async def test_what_is_urgent_now_is_known(db: Database) -> None:
    for name, criticality in (("a", Criticality.CRITICAL), ("b", Criticality.HIGH), ("www", Criticality.LOW)):
        await given.declared(db, name, terms=Terms(criticality=criticality))
    certificate = await given.issued(db, "www")
    assert [each.urgent for each in (await read_fleet(db, NOW, Choice())).fleet.kinds] == [True, False, False]
    await issued.revoked(db, certificate.id, 1, NOW)
    assert [each.urgent for each in (await read_fleet(db, NOW, Choice())).fleet.kinds] == [True, False, True]


async def test_how_many_orders_of_late_came_to_nothing_is_known(db: Database) -> None:
    assert await read_failing(db, NOW) == 0
    await given.issued(db, "good")
    for number in range(3):
        await given.declared(db, f"bad{number}")
        begun = await given.ordered(db, f"bad{number}")
        await issuances.abandon(db, begun, "the order failed", now=NOW)
    assert await quotas.ended_since(db, NOW - DAY) == (4, 3)
    # A few of a few say little.
    assert await read_failing(db, NOW + DAY) == 3 / 100
    assert await read_failing(db, NOW + 29 * DAY) == 0


async def test_what_is_stopped_is_counted_apart(db: Database) -> None:
    for name in ("a", "b", "c"):
        await given.declared(db, name)
    await tasks.stop(db, "b", "not now", NOW)
    await certificates.delete(db, "c", NOW)
    fleet = (await read_fleet(db, NOW, Choice())).fleet
    assert (len(fleet), fleet.stopped) == (1, 1)
    assert (await read_fleet(db, NOW, Choice(owner="somebody"))).fleet.stopped == 0
    assert await sampled(db, Choice(), [1]) == {}
