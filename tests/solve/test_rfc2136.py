"""Dynamic update against a real BIND."""

from __future__ import annotations

import asyncio

import pytest

from evercert.base.errors import EvercertError
from evercert.net.dns import DnsResolver
from tests.peers.bind import ALGORITHMS, Bind
from tests.solve.given import ports, provider


def rfc2136(bind: Bind, key: str = "hmac-sha256", secret: str = "", **more: str):  # type: ignore[no-untyped-def]
    values = {"server": bind.address, "key_name": key, "key_algorithm": key if key in ALGORITHMS else "hmac-sha256"}
    environ = {"EVERCERT_RFC2136_KEY_SECRET": secret or bind.secret}
    return provider("rfc2136", values | more, ports(dns=DnsResolver()), **environ)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_tsig_algorithm_signs_an_update_that_bind_takes(bind: Bind, algorithm: str) -> None:
    name = f"_acme-challenge.{algorithm}.example.test"
    writer = rfc2136(bind, algorithm)
    await writer.add_txt("example.test", name, "value", 60)
    assert bind.txt(name) == ["value"]
    await writer.remove_txt("example.test", name, "value", "")
    assert bind.txt(name) == []


async def test_apex_and_wildcard_stand_on_one_name_at_once_and_go_one_by_one(bind: Bind) -> None:
    name = "_acme-challenge.both.example.test"
    writer = rfc2136(bind)
    await asyncio.gather(*(writer.add_txt("example.test", name, value, 60) for value in ("apex", "wildcard")))
    assert bind.txt(name) == ["apex", "wildcard"]
    await writer.remove_txt("example.test", name, "apex", "")
    assert bind.txt(name) == ["wildcard"]


async def test_adding_and_removing_twice_is_the_same_as_once(bind: Bind) -> None:
    name = "_acme-challenge.twice.example.test"
    writer = rfc2136(bind)
    for _ in range(2):
        await writer.add_txt("example.test", name, "value", 60)
    assert bind.txt(name) == ["value"]
    for _ in range(2):
        await writer.remove_txt("example.test", name, "value", "")
    assert bind.txt(name) == []


async def test_a_value_longer_than_one_string_comes_back_whole(bind: Bind) -> None:
    long = "ca.test; accounturi=https://ca.test/" + "a" * 300
    await rfc2136(bind).add_txt("example.test", "_validation-persist.example.test", long, 60)
    assert bind.txt("_validation-persist.example.test") == [long]


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        ("stranger", "", "policy"),
        ("nobody", "", "does not know the key, or does not let it"),
        ("hmac-sha256", "d3Jvbmc=", "secret or algorithm"),
    ],
)
async def test_a_refused_update_says_what_may_be_wrong(bind: Bind, key: str, secret: str, words: str) -> None:
    with pytest.raises(EvercertError, match=words) as caught:
        await rfc2136(bind, key, secret).add_txt("example.test", "_acme-challenge.example.test", "value", 60)
    assert caught.value.code.name == "provider"


async def test_a_zone_that_the_server_does_not_have_is_told(bind: Bind) -> None:
    with pytest.raises(EvercertError, match=r"refused to update elsewhere\.test: the server is not authoritative"):
        await rfc2136(bind).add_txt("elsewhere.test", "_acme-challenge.elsewhere.test", "value", 60)


async def test_a_name_outside_the_zone_is_told(bind: Bind) -> None:
    with pytest.raises(EvercertError, match="not in the zone") as caught:
        await rfc2136(bind).add_txt("example.test", "_acme-challenge.elsewhere.test", "value", 60)
    assert caught.value.code.name == "zone-not-found"


@pytest.mark.parametrize(
    "secret", ["not base64!", 'key "acme" {\n\talgorithm hmac-sha256;\n\tsecret "d29yZA==";\n};\n']
)
def test_a_secret_that_is_not_base64_is_refused_before_anything_is_sent(bind: Bind, secret: str) -> None:
    with pytest.raises(EvercertError, match="not that of a TSIG key") as caught:
        rfc2136(bind, secret=secret)
    assert secret not in str(caught.value)
    assert "tsig-keygen" in caught.value.hint


async def test_a_secret_may_be_written_in_several_pieces(bind: Bind) -> None:
    written = f" {bind.secret[:20]} {bind.secret[20:]}\n"
    await rfc2136(bind, secret=written).add_txt("example.test", "_acme-challenge.pieces.example.test", "value", 60)
    assert bind.txt("_acme-challenge.pieces.example.test") == ["value"]


def test_an_unknown_algorithm_is_refused_with_those_that_are_known(bind: Bind) -> None:
    with pytest.raises(EvercertError) as caught:
        rfc2136(bind, key_algorithm="hmac-sha3")
    assert "hmac-sha512" in caught.value.hint
