"""http-01 without a network: what is accepted, and what each fault is called."""

from __future__ import annotations

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.errors import NetworkFailure
from evercert.base.probe import Looked, Outcome, Page
from tests.ca.validation.given import PATH, THUMBPRINT, TOKEN, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork, no_answer

PROOF = f"{TOKEN}.{THUMBPRINT}".encode()
V4, V6 = "198.41.0.4", "2001:503:ba3e::2:30"


def world(page: Page | Exception, *addresses: str) -> FakeNetwork:
    return FakeNetwork(names={"www.example.com": list(addresses or (V4,))}, pages={V4: page})


async def test_the_key_authorization_at_the_path_proves_the_name() -> None:
    network = world(Page(200, body=PROOF))
    seen = await proved(claim("http-01"), reach(network))
    (door,) = network.fetched
    assert (door.address, door.port, door.host, door.target, door.tls) == (V4, 80, "www.example.com", PATH, False)
    assert [(each.kind, each.at) for each in seen.asked] == [("A", "192.0.2.53"), ("http", f"{V4}:80")]


@pytest.mark.parametrize("space", [b"\n", b"\r\n", b" \t\r\n\r\n"])
async def test_white_space_at_the_end_is_passed_over(space: bytes) -> None:
    await proved(claim("http-01"), reach(world(Page(200, body=PROOF + space))))


@pytest.mark.parametrize(
    "page",
    [
        Page(200, body=b""),
        Page(200, body=PROOF[:-1]),
        Page(200, body=PROOF + b"x"),
        Page(200, body=b" " + PROOF),
        Page(200, body=PROOF + b"\x00"),
        Page(200, body=PROOF.upper()),
        Page(200, body=PROOF + b" " * 2000),
        Page(201, body=PROOF),
        Page(204),
        Page(304),
        Page(404, body=PROOF),
        Page(500),
    ],
)
async def test_anything_else_is_an_incorrect_response(page: Page) -> None:
    problem = await refused(claim("http-01"), reach(world(page)), ProblemType.INCORRECT_RESPONSE)
    assert V4 in problem.detail


async def test_an_address_is_proved_at_itself() -> None:
    network = FakeNetwork(pages={V6: Page(200, body=PROOF)})
    await proved(claim("http-01", V6), reach(network))
    assert network.fetched[0].host == f"[{V6}]"
    assert network.asked == []


async def test_other_ports_are_named_in_the_host() -> None:
    network = world(Page(200, body=PROOF))
    await proved(claim("http-01"), reach(network, http_port=5002))
    assert (network.fetched[0].port, network.fetched[0].host) == (5002, "www.example.com:5002")


async def test_ipv6_is_asked_first_and_is_believed() -> None:
    network = world(Page(200, body=PROOF), V6, V4)
    network.pages[V6] = Page(404)
    await refused(claim("http-01"), reach(network), ProblemType.INCORRECT_RESPONSE)
    assert network.dialled == [V6]


async def test_ipv4_is_asked_where_ipv6_cannot_be_dialled() -> None:
    network = world(Page(200, body=PROOF), V6, V4)
    await proved(claim("http-01"), reach(network))
    assert network.dialled == [V6, V4]


async def test_ipv4_is_not_asked_where_ipv6_broke_off() -> None:
    network = world(Page(200, body=PROOF), V6, V4)
    network.pages[V6] = NetworkFailure("timeout", f"{V6} did not answer")
    await refused(claim("http-01"), reach(network), ProblemType.CONNECTION)
    assert network.dialled == [V6]


async def test_both_addresses_are_named_where_neither_can_be_dialled() -> None:
    problem = await refused(
        claim("http-01"), reach(FakeNetwork(names={"www.example.com": [V6, V4]})), ProblemType.CONNECTION
    )
    assert V4 in problem.detail
    assert V6 in problem.detail


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.FOUND])
async def test_without_an_address_it_is_a_dns_problem(outcome: Outcome) -> None:
    network = FakeNetwork(names={"www.example.com": no_answer(outcome)})
    await refused(claim("http-01"), reach(network), ProblemType.DNS)
    assert network.dialled == []


async def test_a_family_that_failed_does_not_hide_the_other() -> None:
    network = world(Page(200, body=PROOF))
    network.names["www.example.com"] = Looked(Outcome.FOUND, (V4,), fault="AAAA answered SERVFAIL")
    await proved(claim("http-01"), reach(network))


async def test_a_wildcard_is_not_proved_so() -> None:
    await refused(claim("http-01", "*.example.com"), reach(FakeNetwork()), ProblemType.MALFORMED)


async def test_a_permitted_address_is_used_although_another_is_not() -> None:
    network = world(Page(200, body=PROOF), "fd00::1", "10.0.0.1", V4)
    await proved(claim("http-01"), reach(network))
    assert network.dialled == [V4]


async def test_a_private_address_wants_the_operators_word() -> None:
    network = FakeNetwork(names={"www.example.com": ["10.1.2.3"]}, pages={"10.1.2.3": Page(200, body=PROOF)})
    problem = await refused(claim("http-01"), reach(network), ProblemType.CONNECTION)
    assert "10.1.2.3 is a private address" in problem.detail
    assert network.dialled == []
    await proved(claim("http-01"), reach(network, "10.0.0.0/8"))
