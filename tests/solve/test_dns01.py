"""The DNS solver over a DNS that is a dictionary and the clumsiest provider: what stands where, and what is left."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.plugins.info import Options, PluginInfo, PluginKind
from evercert.solve.dns01 import DNS_FIELDS, DnsSolver, Place, Placing
from evercert.solve.propagation import Propagation
from evercert.solve.records import Records
from evercert.solve.solvers import Solvers
from evercert.solve.zones import Zones
from tests.fakes.clock import FakeClock
from tests.fakes.cloudflare import FakeCloudflare
from tests.fakes.dns_provider import FakeProvider
from tests.fakes.resolver import FakeResolver
from tests.solve.given import Ledger, item, ports, secrets

NAME = "_acme-challenge.example.test"


class Given:
    """A solver over `resolver` and `provider`, as one process would have it; `another()` is a second process."""

    def __init__(self, resolver: FakeResolver, provider: FakeProvider | None = None, **values: str) -> None:
        self.resolver = resolver
        self.provider = provider or FakeProvider(resolver)
        self.clock = FakeClock()
        self.ledger = Ledger()
        self._values = values
        self.solver = self.another()

    def another(self) -> DnsSolver:
        options = Options(PluginInfo("fake", PluginKind.DNS, "", DNS_FIELDS), self._values, {})
        zones = Zones(self.resolver, self.clock)
        propagation = Propagation(self.resolver, self.clock, lambda servers: self.resolver)
        return DnsSolver(Records(self.provider), Placing(options, self.resolver, zones, propagation))

    async def present(self, *items: Any) -> None:
        await self.solver.present(items, self.ledger.keep)
        await self.solver.ready(items)

    def values(self, name: str = NAME, zone: str = "example.test") -> list[str]:
        return sorted(self.provider.values(zone, name))


def one_zone() -> FakeResolver:
    return FakeResolver(zones={"example.test": ["192.0.2.1", "2001:db8::1"]})


async def test_apex_and_wildcard_stand_on_one_name_at_once() -> None:
    given = Given(one_zone())
    items = [item("apex"), item("wildcard")]
    await given.present(*items)
    assert given.values() == ["apex", "wildcard"]
    await given.solver.clean_up(items)
    assert given.values() == []


async def test_changes_of_one_zone_come_one_after_another_and_of_two_zones_side_by_side() -> None:
    resolver = FakeResolver(zones={"one.test": ["192.0.2.1"], "two.test": ["192.0.2.2"]})
    given = Given(resolver)
    items = [item(f"{at}", f"_acme-challenge.{at}.{zone}.test") for zone in ("one", "two") for at in range(5)]
    await given.present(*items)
    assert given.provider.clashes == 0
    assert given.provider.most_at_once == 2


class Quick(FakeProvider):
    """One whose changes of one zone may overlap."""

    record_by_record: ClassVar[bool] = True


async def test_changes_of_one_zone_overlap_where_the_provider_writes_record_by_record_but_never_without_bound() -> None:
    resolver = one_zone()
    given = Given(resolver, Quick(resolver))
    items = [item(f"{at}", f"_acme-challenge.{at}.example.test") for at in range(50)]
    await given.present(*items)
    assert given.provider.most_at_once == 8
    await given.solver.clean_up(items)
    assert [given.values(each.place) for each in items] == [[]] * 50


async def test_changes_of_one_name_never_overlap() -> None:
    resolver = one_zone()
    given = Given(resolver, Quick(resolver))
    items = [item(f"{at}") for at in range(5)]
    await given.present(*items)
    assert given.values() == ["0", "1", "2", "3", "4"]
    assert (given.provider.clashes, given.provider.most_at_once) == (0, 1)


async def test_fifty_names_at_cloudflare_take_about_a_second() -> None:
    clock, resolver = FakeClock(), one_zone()
    api = FakeCloudflare(zones={"example.test": "z1"}, clock=clock, latency=0.1)
    solvers = Solvers(ports(http=api, dns=resolver, clock=clock), secrets({"EVERCERT_CLOUDFLARE_API_TOKEN": "token"}))
    items = [item(f"{at}", f"_acme-challenge.{at}.example.test") for at in range(50)]
    await solvers.for_item("cloudflare", {}, "dns-01").present(items, Ledger().keep)
    assert len(api.records) == 50
    assert clock.monotonic() < 1.6
    assert (api.most_at_once, api.calls.count("GET /zones")) == (8, 1)


async def test_a_provider_of_somebody_elses_that_says_nothing_is_never_asked_for_two_changes_at_once() -> None:
    class Stranger:
        def __init__(self, provider: FakeProvider) -> None:
            self.add_txt, self.remove_txt = provider.add_txt, provider.remove_txt

    resolver = one_zone()
    given = Given(resolver)
    records: Any = Records(Stranger(given.provider))  # type: ignore[arg-type]  # an older contract's
    await asyncio.gather(*(records.add("example.test", f"{at}.example.test", "x", 60, issuance=1) for at in range(5)))
    assert given.provider.most_at_once == 1


async def test_a_value_that_two_orders_need_stays_until_both_have_let_go() -> None:
    given = Given(one_zone())
    first, second = item("same", issuance_id=1), item("same", issuance_id=2)
    await given.present(first)
    await given.present(second)
    await given.solver.clean_up([first])
    assert given.values() == ["same"]
    await given.solver.clean_up([second])
    assert given.values() == []


async def test_cleaning_up_twice_or_what_was_never_presented_changes_nothing() -> None:
    given = Given(one_zone())
    presented, never = item("value"), item("never")
    await given.present(presented)
    for _ in range(2):
        await given.solver.clean_up([presented, never])
    assert [call[0] for call in given.provider.calls] == ["add", "remove"]


async def test_the_place_is_kept_before_anything_is_written_and_the_providers_note_after() -> None:
    given = Given(one_zone(), FakeProvider(one_zone(), note="id-7"))
    given.provider.resolver = given.resolver
    await given.present(item("value"))
    before, after = (msgspec.json.decode(note, type=Place) for note in given.ledger.notes)
    assert before == Place("example.test", NAME)
    assert after == Place("example.test", NAME, "id-7")


async def test_another_process_takes_away_what_a_dead_one_left_although_the_alias_has_moved() -> None:
    resolver = FakeResolver(zones={"example.test": ["192.0.2.1"], "auth.test": ["192.0.2.2"]})
    resolver.aliases[NAME] = "x.auth.test"
    given = Given(resolver)
    left = item("value")
    await given.solver.present([left], given.ledger.keep)
    resolver.aliases[NAME] = "y.auth.test"
    resolver.asked.clear()
    await given.another().clean_up(given.ledger.as_stored(left))
    assert given.values("x.auth.test", "auth.test") == []
    assert resolver.asked == []


async def test_a_process_that_died_before_it_wrote_is_cleaned_up_after_as_well() -> None:
    given = Given(one_zone())
    given.provider.fails.add(NAME)
    left = item("value")
    with pytest.raises(EvercertError):
        await given.solver.present([left], given.ledger.keep)
    given.provider.fails.clear()
    await given.another().clean_up(given.ledger.as_stored(left))
    assert [call[:4] for call in given.provider.calls] == [
        ("add", "example.test", NAME, "value"),
        ("remove", "example.test", NAME, "value"),
    ]


async def test_one_names_failure_leaves_the_others_written_and_all_can_be_cleaned_up() -> None:
    given = Given(one_zone())
    given.provider.fails.add("_acme-challenge.bad.example.test")
    good, bad = item("good"), item("bad", "_acme-challenge.bad.example.test")
    with pytest.raises(EvercertError, match="no"):
        await given.solver.present([bad, good], given.ledger.keep)
    assert given.values() == ["good"]
    given.provider.fails.clear()
    await given.solver.clean_up([bad, good])
    assert given.values() == []


async def test_an_alias_is_followed_into_the_zone_where_it_ends() -> None:
    resolver = FakeResolver(zones={"example.test": ["192.0.2.1"], "auth.test": ["192.0.2.2"]})
    resolver.aliases = {NAME: "a.hop.test", "a.hop.test": "x.auth.test"}
    given = Given(resolver)
    await given.present(item("value"))
    assert given.values("x.auth.test", "auth.test") == ["value"]
    assert ("192.0.2.2", "x.auth.test") in resolver.asked


async def test_an_alias_is_not_followed_where_the_user_says_so() -> None:
    resolver = one_zone()
    resolver.aliases[NAME] = "x.auth.test"
    given = Given(resolver, follow_cname="no")
    await given.present(item("value"))
    assert given.values() == ["value"]


async def test_aliases_in_a_circle_are_told_with_the_whole_chain() -> None:
    resolver = one_zone()
    resolver.aliases = {NAME: "a.test", "a.test": "b.test", "b.test": "a.test"}
    with pytest.raises(EvercertError, match=rf"circle: {NAME} -> a\.test -> b\.test -> a\.test") as caught:
        await Given(resolver).present(item("value"))
    assert caught.value.code.name == "dns"


async def test_an_endless_chain_of_aliases_is_given_up() -> None:
    resolver = one_zone()
    resolver.aliases = {NAME: "n0.test"} | {f"n{at}.test": f"n{at + 1}.test" for at in range(100)}
    with pytest.raises(EvercertError, match="too many"):
        await Given(resolver).present(item("value"))
    assert len(resolver.asked) < 20


async def test_a_name_that_no_zone_holds_is_told_and_nothing_is_written() -> None:
    given = Given(FakeResolver())
    with pytest.raises(EvercertError, match="no name server answers") as caught:
        await given.present(item("value"))
    assert caught.value.code.name == "zone-not-found"
    assert given.provider.calls == []


async def test_a_zone_that_is_named_is_not_looked_for() -> None:
    resolver = FakeResolver(zones={"hidden.test": ["192.0.2.1"]})
    given = Given(resolver, zone="Hidden.test.")
    await given.present(item("value"))
    assert given.values(NAME, "hidden.test") == ["value"]
    assert "SOA" not in {kind for kind, _ in resolver.asked}


async def test_fifty_names_of_one_zone_ask_for_its_servers_once() -> None:
    given = Given(one_zone())
    first = item("0", "_acme-challenge.n0.example.test")
    await given.present(first)
    await given.present(*(item(f"{at}", f"_acme-challenge.n{at}.example.test") for at in range(1, 50)))
    assert [name for kind, name in given.resolver.asked if kind == "NS"] == ["example.test"]


async def test_a_zone_that_moved_is_seen_after_some_minutes() -> None:
    given = Given(one_zone())
    await given.present(item("one"))
    given.clock.advance(301)
    given.resolver.zones["example.test"] = ["192.0.2.9"]
    await given.present(item("two"))
    assert ("192.0.2.9", NAME) in given.resolver.asked


async def test_cancelling_a_presentation_leaves_nothing_that_clean_up_does_not_find() -> None:
    for turns in range(12):
        given = Given(one_zone())
        left = item("value")
        task = asyncio.ensure_future(given.solver.present([left], given.ledger.keep))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await given.another().clean_up(given.ledger.as_stored(left))
        assert given.values() == []
