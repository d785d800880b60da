"""PowerDNS's API, and dns-lexicon's way to it, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError, Retry
from evercert.net.http import HttpTransport
from evercert.net.settings import HttpSettings
from evercert.plugins.contracts import Ports
from evercert.solve.records import Records
from tests.peers.powerdns import PowerDns
from tests.solve.given import ports, provider

ZONE = "pdns.test"
NAME = f"_acme-challenge.{ZONE}"


@pytest.fixture
async def given() -> AsyncIterator[Ports]:
    clock = SystemClock()
    transport = HttpTransport(HttpSettings(use_system_roots=False), clock)
    yield ports(http=transport, clock=clock)
    await transport.close()


@pytest.fixture(scope="session", autouse=True)
def zone(powerdns: PowerDns) -> None:
    powerdns.add_zone(ZONE)
    powerdns.add_zone("primary.test", "Master")


@pytest.fixture(params=["powerdns", "lexicon"])
def writer(request: pytest.FixtureRequest, powerdns: PowerDns, given: Ports) -> Any:
    if request.param == "powerdns":
        return ours(powerdns, given)
    values = {"provider": "powerdns", "pdns_server": powerdns.url}
    return provider("lexicon", values, given, EVERCERT_LEXICON_AUTH_TOKEN=powerdns.api_key)


def ours(powerdns: PowerDns, given: Ports, key: str = "", **values: str) -> Any:
    return provider(
        "powerdns", {"url": powerdns.url, **values}, given, EVERCERT_POWERDNS_API_KEY=key or powerdns.api_key
    )


async def test_a_value_is_added_to_those_that_are_there_and_taken_away_again(powerdns: PowerDns, writer: Any) -> None:
    powerdns.set_txt(ZONE, NAME, '"somebody else\'s"')
    await writer.add_txt(ZONE, NAME, "ours", 60)
    assert powerdns.txt(NAME) == ["ours", "somebody else's"]
    await writer.remove_txt(ZONE, NAME, "ours", "")
    assert powerdns.txt(NAME) == ["somebody else's"]


async def test_adding_and_removing_twice_is_the_same_as_once(powerdns: PowerDns, writer: Any) -> None:
    name = f"_acme-challenge.twice.{ZONE}"
    for _ in range(2):
        await writer.add_txt(ZONE, name, "value", 60)
    assert powerdns.txt(name) == ["value"]
    for _ in range(2):
        await writer.remove_txt(ZONE, name, "value", "")
    assert powerdns.txt(name) == []


async def test_many_values_of_one_name_written_at_once_through_records_are_all_there(
    powerdns: PowerDns, writer: Any
) -> None:
    name, records = f"_acme-challenge.many.{ZONE}", Records(writer)
    values = [f"value-{number}" for number in range(5)]
    await asyncio.gather(*(records.add(ZONE, name, value, 60, issuance=1) for value in values))
    assert powerdns.txt(name) == values
    await asyncio.gather(*(records.remove(ZONE, name, value, "", issuance=1) for value in values))
    assert powerdns.rrset(ZONE, name) == {}


async def test_the_time_to_live_that_others_have_set_stays(powerdns: PowerDns, given: Ports) -> None:
    name = f"_acme-challenge.kept.{ZONE}"
    powerdns.set_txt(ZONE, name, '"theirs"', ttl=1234)
    await ours(powerdns, given).add_txt(ZONE, name, "ours", 60)
    assert powerdns.rrset(ZONE, name)["ttl"] == 1234
    assert powerdns.txt(name) == ["ours", "theirs"]


async def test_records_that_somebody_has_disabled_are_still_there_afterwards(powerdns: PowerDns, writer: Any) -> None:
    name = f"_acme-challenge.disabled.{ZONE}"
    powerdns.set_txt(ZONE, name, '"theirs"', ttl=1234, disabled=True)
    await writer.add_txt(ZONE, name, "ours", 60)
    assert powerdns.txt(name) == ["ours"]
    assert disabled(powerdns, name) == ['"theirs"']
    await writer.remove_txt(ZONE, name, "ours", "")
    assert powerdns.txt(name) == []
    assert disabled(powerdns, name) == ['"theirs"']
    assert powerdns.rrset(ZONE, name)["ttl"] == 1234


async def test_the_same_value_disabled_is_no_obstacle_and_shown_afterwards(powerdns: PowerDns, given: Ports) -> None:
    name = f"_acme-challenge.off.{ZONE}"
    powerdns.set_txt(ZONE, name, '"ours"', disabled=True)
    await ours(powerdns, given).add_txt(ZONE, name, "ours", 60)
    assert powerdns.txt(name) == ["ours"]


async def test_disabled_records_survive_where_more_is_found_by_the_name_than_the_server_tells(
    powerdns: PowerDns, given: Ports
) -> None:
    """A name to which many names delegate their challenges is found in all of their records."""
    name = f"_acme-challenge.popular.{ZONE}"
    powerdns.set_txt(ZONE, name, '"theirs"', disabled=True)
    powerdns.set_aliases(ZONE, [f"_acme-challenge.a{number}.{ZONE}" for number in range(1100)], name)
    await ours(powerdns, given).add_txt(ZONE, name, "ours", 60)
    assert powerdns.txt(name) == ["ours"]
    assert disabled(powerdns, name) == ['"theirs"']


async def test_a_comment_without_a_record_does_not_decide_the_time_to_live(powerdns: PowerDns, given: Ports) -> None:
    name = f"_acme-challenge.comment.{ZONE}"
    powerdns.comment(ZONE, name, "ask the network team")
    await ours(powerdns, given).add_txt(ZONE, name, "ours", 60)
    assert powerdns.rrset(ZONE, name)["ttl"] == 60
    assert powerdns.rrset(ZONE, name)["comments"][0]["content"] == "ask the network team"


def disabled(powerdns: PowerDns, name: str) -> list[str]:
    return [each["content"] for each in powerdns.rrset(ZONE, name).get("records", []) if each["disabled"]]


async def test_a_value_longer_than_one_string_comes_back_whole(powerdns: PowerDns, given: Ports) -> None:
    name, long = f"_validation-persist.{ZONE}", 'ca.test; accounturi=https://ca.test/"' + "a" * 300
    writer = ours(powerdns, given)
    await writer.add_txt(ZONE, name, long, 60)
    assert powerdns.txt(name) == [long]
    await writer.remove_txt(ZONE, name, long, "")
    assert powerdns.txt(name) == []


async def test_a_primary_that_has_nobody_to_notify_is_no_failure(powerdns: PowerDns, given: Ports) -> None:
    await ours(powerdns, given).add_txt("primary.test", "_acme-challenge.primary.test", "value", 60)
    assert powerdns.txt("_acme-challenge.primary.test") == ["value"]


async def test_a_zone_that_the_server_does_not_have_is_told(powerdns: PowerDns, given: Ports) -> None:
    with pytest.raises(EvercertError, match=r"no zone elsewhere\.test") as caught:
        await ours(powerdns, given).add_txt("elsewhere.test", "_acme-challenge.elsewhere.test", "value", 60)
    assert caught.value.code.name == "zone-not-found"


async def test_a_wrong_key_is_told_and_not_tried_again(powerdns: PowerDns, given: Ports) -> None:
    with pytest.raises(EvercertError, match="answered 401") as caught:
        await ours(powerdns, given, key="wrong").add_txt(ZONE, NAME, "value", 60)
    assert caught.value.retry is Retry.NEVER


async def test_lexicon_tells_a_refusal_without_the_secret(powerdns: PowerDns, given: Ports) -> None:
    values = {"provider": "powerdns", "pdns_server": powerdns.url}
    writer = provider("lexicon", values, given, EVERCERT_LEXICON_AUTH_TOKEN="wrong-and-secret")
    with pytest.raises(EvercertError, match="powerdns: HTTPError: 401") as caught:
        await writer.add_txt(ZONE, NAME, "value", 60)
    assert "wrong-and-secret" not in str(caught.value)
