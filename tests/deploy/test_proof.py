from __future__ import annotations

import pytest

from evercert.base.errors import EvercertError
from evercert.deploy.proof import prove
from evercert.plugins.contracts import Endpoint
from tests.fakes.bundles import Issuer
from tests.fakes.clock import FakeClock
from tests.fakes.handshakes import FakeServed

WWW = "www.example.test"
PLACE = Endpoint("server.test", 443, WWW)


class Servers:
    """What each address serves, as a row of leaves, one for each look; the last one stays."""

    def __init__(self, **rows: list[bytes | str]) -> None:
        self.rows = {address.replace("_", "."): row for address, row in rows.items()}
        self.looks: list[Endpoint] = []

    async def __call__(self, host: str, port: int, server_name: str) -> list[FakeServed]:
        self.looks.append(Endpoint(host, port, server_name))
        return [self.served(address, row.pop(0) if len(row) > 1 else row[0]) for address, row in self.rows.items()]

    def served(self, address: str, leaf: bytes | str) -> FakeServed:
        if isinstance(leaf, str):
            return FakeServed(address, error=EvercertError(leaf, "nobody\nis \x1b[31mthere"))
        return FakeServed(address, leaf)


async def test_every_address_is_asked_and_has_to_serve_it(issuer: Issuer) -> None:
    old, new, clock = issuer.bundle(WWW), issuer.bundle(WWW), FakeClock()
    servers = Servers(a1=[new.leaf_der], a2=[old.leaf_der])
    proof = await prove([PLACE], new, probe=servers, clock=clock, patience=5)
    assert not proof.served
    assert proof.detail.startswith("a2:443 as www.example.test still serves serial ")
    assert "from test issuer, until " in proof.detail
    with pytest.raises(EvercertError, match="still serves"):
        proof.demand()


async def test_a_reload_that_takes_a_while_is_waited_for(issuer: Issuer) -> None:
    old, new, clock = issuer.bundle(WWW), issuer.bundle(WWW), FakeClock()
    servers = Servers(a1=["unreachable", old.leaf_der, old.leaf_der, new.leaf_der])
    proof = await prove([PLACE], new, probe=servers, clock=clock, patience=20)
    assert proof.served
    assert proof.detail == "served at a1:443 as www.example.test"
    assert len(servers.looks) == 5
    assert clock.monotonic() < 5


async def test_an_old_worker_that_still_answers_besides_the_new_ones_is_waited_for(issuer: Issuer) -> None:
    old, new, clock = issuer.bundle(WWW), issuer.bundle(WWW), FakeClock()
    servers = Servers(a1=[new.leaf_der, old.leaf_der, new.leaf_der])
    proof = await prove([PLACE], new, probe=servers, clock=clock, patience=20)
    assert proof.served
    assert len(servers.looks) == 4


async def test_a_certificate_that_is_served_in_turns_with_another_is_no_proof(issuer: Issuer) -> None:
    old, new, clock = issuer.bundle(WWW), issuer.bundle(WWW), FakeClock()
    servers = Servers(a1=[new.leaf_der, old.leaf_der] * 500)
    proof = await prove([PLACE], new, probe=servers, clock=clock, patience=20)
    assert not proof.served
    assert 20 <= clock.monotonic() < 21 + 10


async def test_patience_ends_and_a_peers_words_are_made_fit_to_show(issuer: Issuer) -> None:
    clock = FakeClock()
    proof = await prove([PLACE], issuer.bundle(WWW), probe=Servers(a1=["unreachable"]), clock=clock, patience=20)
    assert "a1:443 as www.example.test gave no certificate: nobody is [31mthere" in proof.detail
    assert 20 <= clock.monotonic() < 31


async def test_only_those_that_were_wrong_are_asked_again_and_equal_ones_once(issuer: Issuer) -> None:
    new, clock = issuer.bundle(WWW), FakeClock()
    other = Endpoint("other.test", 443, WWW)

    async def probe(host: str, port: int, server_name: str) -> list[FakeServed]:
        asked.append(host)
        return [FakeServed(host, new.leaf_der if host == "server.test" else b"junk")]

    asked: list[str] = []
    proof = await prove([PLACE, other, PLACE], new, probe=probe, clock=clock, patience=1)
    assert asked.count("server.test") == 2
    assert asked.count("other.test") > 2
    assert proof.detail == "other.test:443 as www.example.test serves a certificate that cannot be read"


async def test_a_name_without_an_address_and_a_probe_that_raises_are_no_proof(issuer: Issuer) -> None:
    async def nothing(host: str, port: int, server_name: str) -> list[FakeServed]:
        if host == "other.test":
            raise EvercertError("dns", "no answer")
        return []

    places = [PLACE, Endpoint("other.test", 443, "")]
    proof = await prove(places, issuer.bundle(WWW), probe=nothing, clock=FakeClock(), patience=0)
    assert proof.detail == "server.test:443 as www.example.test has no address; other.test:443 no answer"
    assert not (await prove([], issuer.bundle(WWW), probe=nothing, clock=FakeClock())).served
