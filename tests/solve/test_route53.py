"""Route 53 against moto's server; what moto does not judge is judged by what it keeps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evercert.base.errors import EvercertError, Retry
from evercert.solve.records import Records
from tests.peers.moto import Moto
from tests.solve.given import ports, provider

ZONE = "aws.test"


@pytest.fixture(scope="session")
def zones(moto: Moto) -> dict[str, str]:
    """The ids of the zones: two of one name, the first of them private."""
    client = moto.client("route53")
    client_made = {}
    for label, private in (("private", True), ("public", False)):
        made = client.create_hosted_zone(
            Name=ZONE,
            CallerReference=label,
            HostedZoneConfig={"PrivateZone": private},
            **({"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-12345678"}} if private else {}),
        )
        client_made[label] = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    return client_made


def route53(moto: Moto, **values: str) -> Any:
    given = {"access_key_id": moto.access_key, "url": moto.url, **values}
    return provider("route53", given, ports(), EVERCERT_ROUTE53_SECRET_ACCESS_KEY=moto.secret_key)


def txt(moto: Moto, zone_id: str, name: str) -> list[str]:
    sets = moto.client("route53").list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    values = [record["Value"] for each in sets if each["Name"] == f"{name}." for record in each["ResourceRecords"]]
    return sorted(values)


async def test_values_join_those_that_are_there_and_leave_one_by_one(moto: Moto, zones: dict[str, str]) -> None:
    name, writer = f"_acme-challenge.{ZONE}", route53(moto)
    noted = await writer.add_txt(ZONE, name, "apex", 60)
    await writer.add_txt(ZONE, name, "wildcard", 60)
    assert txt(moto, zones["public"], name) == ['"apex"', '"wildcard"']
    await writer.remove_txt(ZONE, name, "apex", noted)
    assert txt(moto, zones["public"], name) == ['"wildcard"']
    await writer.remove_txt(ZONE, name, "wildcard", noted)
    assert txt(moto, zones["public"], name) == []


async def test_the_public_zone_is_written_unless_the_private_one_is_asked_for(
    moto: Moto, zones: dict[str, str]
) -> None:
    name = f"_acme-challenge.which.{ZONE}"
    assert await route53(moto).add_txt(ZONE, name, "public", 60) == zones["public"]
    assert await route53(moto, private="yes").add_txt(ZONE, name, "private", 60) == zones["private"]
    assert txt(moto, zones["public"], name) == ['"public"']
    assert txt(moto, zones["private"], name) == ['"private"']


async def test_adding_and_removing_twice_is_the_same_as_once(moto: Moto, zones: dict[str, str]) -> None:
    name, writer = f"_acme-challenge.twice.{ZONE}", route53(moto)
    for _ in range(2):
        await writer.add_txt(ZONE, name, "value", 60)
    assert txt(moto, zones["public"], name) == ['"value"']
    for _ in range(2):
        await writer.remove_txt(ZONE, name, "value", "")
    assert txt(moto, zones["public"], name) == []


async def test_long_values_are_split_into_strings_of_255_octets(moto: Moto, zones: dict[str, str]) -> None:
    name = f"_validation-persist.{ZONE}"
    await route53(moto).add_txt(ZONE, name, "a" * 300, 60)
    assert txt(moto, zones["public"], name) == [f'"{"a" * 255}" "{"a" * 45}"']


async def test_many_values_written_at_once_through_records_are_all_there(moto: Moto, zones: dict[str, str]) -> None:
    name, records = f"_acme-challenge.many.{ZONE}", Records(route53(moto))
    values = [f"value-{number}" for number in range(5)]
    await asyncio.gather(*(records.add(ZONE, name, value, 60, issuance=1) for value in values))
    assert txt(moto, zones["public"], name) == [f'"{value}"' for value in values]


async def test_threads_that_begin_at_once_share_one_client(moto: Moto) -> None:
    writer = route53(moto)
    used = await asyncio.gather(*(asyncio.to_thread(lambda: writer._client) for _ in range(4)))
    assert len({id(client) for client in used}) == 1


async def test_a_zone_that_the_account_does_not_have_is_told(moto: Moto, zones: dict[str, str]) -> None:
    with pytest.raises(EvercertError, match=r"no public hosted zone elsewhere\.test") as caught:
        await route53(moto).add_txt("elsewhere.test", "_acme-challenge.elsewhere.test", "value", 60)
    assert caught.value.code.name == "zone-not-found"
    with pytest.raises(EvercertError, match="Route 53") as caught:
        await route53(moto, zone_id="ZNONE").add_txt(ZONE, f"_acme-challenge.{ZONE}", "value", 60)
    assert caught.value.code.name == "zone-not-found"
    assert caught.value.retry is Retry.NEVER
