"""tls-alpn-01 without a network."""

from __future__ import annotations

import ssl

import pytest

from evercert.acme.challenge import acme_identifier_digest
from evercert.acme.problem import ProblemType
from evercert.base.errors import NetworkFailure
from evercert.base.names import parse_identifier
from evercert.base.probe import Handshake
from evercert.pki.cert import self_signed
from tests.ca.validation.given import THUMBPRINT, TOKEN, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork

DIGEST = acme_identifier_digest(f"{TOKEN}.{THUMBPRINT}")
V4, V6 = "198.41.0.4", "2001:503:ba3e::2:30"


def shown(name: str = "www.example.com", digest: bytes = DIGEST) -> bytes:
    return ssl.PEM_cert_to_DER_cert(self_signed(parse_identifier(name), digest)[0])


def world(seen: Handshake | Exception, *addresses: str) -> FakeNetwork:
    return FakeNetwork(names={"www.example.com": list(addresses or (V4,))}, doors={f"{V4}:443 www.example.com": seen})


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_the_digest_in_the_names_own_certificate_proves_it(version: str) -> None:
    await proved(claim("tls-alpn-01"), reach(world(Handshake("acme-tls/1", version, shown()))))


@pytest.mark.parametrize(
    ("address", "server_name"),
    [
        (V4, "4.0.41.198.in-addr.arpa"),
        (V6, "0.3.0.0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.3.a.b.3.0.5.0.1.0.0.2.ip6.arpa"),
    ],
)
async def test_an_address_is_asked_for_by_its_reverse_name(address: str, server_name: str) -> None:
    network = FakeNetwork(doors={f"{address}:443 {server_name}": Handshake("acme-tls/1", "TLSv1.3", shown(address))})
    await proved(claim("tls-alpn-01", address), reach(network))


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (Handshake("acme-tls/1", "TLSv1.1", shown()), ProblemType.TLS),
        (Handshake("", "TLSv1.3", shown()), ProblemType.INCORRECT_RESPONSE),
        (Handshake("h2", "TLSv1.3", shown()), ProblemType.INCORRECT_RESPONSE),
        (Handshake("acme-tls/1", "TLSv1.3", b""), ProblemType.INCORRECT_RESPONSE),
        (Handshake("acme-tls/1", "TLSv1.3", b"no certificate"), ProblemType.INCORRECT_RESPONSE),
        (Handshake("acme-tls/1", "TLSv1.3", shown("other.example.com")), ProblemType.INCORRECT_RESPONSE),
        (Handshake("acme-tls/1", "TLSv1.3", shown(digest=bytes(32))), ProblemType.INCORRECT_RESPONSE),
        (NetworkFailure("tls", f"no TLS with {V4}:443"), ProblemType.TLS),
        (NetworkFailure("timeout", f"{V4}:443 did not answer"), ProblemType.CONNECTION),
    ],
)
async def test_anything_else_is_refused_by_its_kind(seen: Handshake | Exception, kind: ProblemType) -> None:
    problem = await refused(claim("tls-alpn-01"), reach(world(seen)), kind)
    assert V4 in problem.detail


async def test_ipv4_is_asked_only_where_ipv6_cannot_be_dialled() -> None:
    network = world(Handshake("acme-tls/1", "TLSv1.3", shown()), V6, V4)
    await proved(claim("tls-alpn-01"), reach(network))
    network.doors[f"{V6}:443"] = NetworkFailure("tls", f"no TLS with {V6}")
    await refused(claim("tls-alpn-01"), reach(network), ProblemType.TLS)


async def test_a_wildcard_is_not_proved_so() -> None:
    await refused(claim("tls-alpn-01", "*.example.com"), reach(FakeNetwork()), ProblemType.MALFORMED)
