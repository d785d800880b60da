"""dns-persist-01: a record that serves again is not written again, and stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as draw
from hypothesis import strategies as st

from evercert.plugins.info import Options, PluginInfo, PluginKind
from evercert.solve.dns01 import DNS_FIELDS, Placing
from evercert.solve.dns_persist01 import PERSIST_FIELDS, PersistSolver, satisfies
from evercert.solve.propagation import Propagation
from evercert.solve.records import Records
from evercert.solve.zones import Zones
from tests.fakes.clock import FakeClock
from tests.fakes.dns_provider import FakeProvider
from tests.fakes.resolver import FakeResolver
from tests.solve.given import Ledger, item

PLACE = "_validation-persist.example.test"
RECORD = "ca.test; accounturi=https://ca.test/acct/1"
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def persist(resolver: FakeResolver, **values: str) -> tuple[PersistSolver, FakeProvider]:
    clock, provider = FakeClock(), FakeProvider(resolver)
    options = Options(PluginInfo("fake", PluginKind.DNS, "", DNS_FIELDS + PERSIST_FIELDS), values, {})
    propagation = Propagation(resolver, clock, lambda servers: resolver)
    placing = Placing(options, resolver, Zones(resolver, clock), propagation)
    return PersistSolver(Records(provider), placing, resolver, clock), provider


def wanted(content: str = RECORD) -> Any:
    return item(content, PLACE, challenge_type="dns-persist-01", identifier="example.test", token="")


def holding(*values: str) -> FakeResolver:
    return FakeResolver(zones={"example.test": ["192.0.2.1"]}, views={"192.0.2.1": {PLACE: list(values)}})


async def test_the_record_is_written_once_and_stays_after_the_order() -> None:
    resolver = holding("other.test; accounturi=https://other.test/1")
    solver, provider = persist(resolver)
    for _ in range(2):
        each = [wanted()]
        await solver.present(each, Ledger().keep)
        await solver.ready(each)
        await solver.clean_up(each)
    assert [call[0] for call in provider.calls] == ["add"]
    assert resolver.views["192.0.2.1"][PLACE] == ["other.test; accounturi=https://other.test/1", RECORD]


async def test_a_broader_record_that_stands_already_serves() -> None:
    solver, provider = persist(holding(f"{RECORD}; policy=wildcard; persistUntil=4102444800"))
    each = [wanted()]
    await solver.present(each, Ledger().keep)
    await solver.ready(each)
    assert provider.calls == []


async def test_a_record_that_is_void_soon_is_joined_by_a_new_one() -> None:
    solver, provider = persist(holding(f"{RECORD}; persistUntil={int(NOW) + 60}"))
    await solver.present([wanted()], Ledger().keep)
    assert [call[0] for call in provider.calls] == ["add"]


async def test_the_record_is_taken_away_where_the_user_wants_it_so_by_another_process_too() -> None:
    resolver, ledger, each = holding(), Ledger(), wanted()
    solver, _ = persist(resolver, keep="no")
    await solver.present([each], ledger.keep)
    assert resolver.views["192.0.2.1"][PLACE] == [RECORD]
    another, _ = persist(resolver, keep="no")
    await another.clean_up(ledger.as_stored(each))
    assert resolver.views["192.0.2.1"][PLACE] == []


@pytest.mark.parametrize(
    ("standing", "serves"),
    [
        (RECORD, True),
        ("CA.test ;  AccountURI=https://ca.test/acct/1 ; unknown=1", True),
        (f"{RECORD}; POLICY=Wildcard", True),
        ("other.test; accounturi=https://ca.test/acct/1", False),
        ("ca.test; accounturi=https://ca.test/acct/2", False),
        ("ca.test; accounturi=https://ca.test/ACCT/1", False),
        ("ca.test", False),
        ("", False),
        (f"{RECORD};", False),
        (f"{RECORD}; policy=wildcard; policy=wildcard", False),
        (f"{RECORD}; persistUntil={int(NOW) + 1}", True),
        (f"{RECORD}; persistUntil={int(NOW) - 1}", False),
        (f"{RECORD}; persistUntil=soon", False),
        (f"{RECORD}; persistUntil=٣", False),
    ],
)
def test_a_standing_record_serves_as_the_draft_says(standing: str, serves: bool) -> None:
    assert satisfies(standing, RECORD, NOW) is serves


def test_a_record_without_the_wildcard_policy_does_not_serve_a_wildcard() -> None:
    assert not satisfies(RECORD, f"{RECORD}; policy=wildcard", NOW)
    assert satisfies(f"{RECORD}; policy=wildcard", f"{RECORD}; policy=wildcard", NOW)


@draw(st.text())
def test_no_record_breaks_the_reader(text: str) -> None:
    assert satisfies(text, text, 0.0) in {True, False}
