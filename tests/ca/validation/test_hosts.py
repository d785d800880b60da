"""Names that the operator has given addresses himself."""

from __future__ import annotations

from evercert.acme.problem import ProblemType
from evercert.base.probe import Page
from evercert.ca.validation.hosts import WithHosts
from tests.ca.validation.given import PATH, THUMBPRINT, TOKEN, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork


async def test_a_name_of_the_settings_needs_no_dns() -> None:
    network = FakeNetwork(
        pages={f"10.0.0.7:80 http://www.lab.test{PATH}": Page(200, body=f"{TOKEN}.{THUMBPRINT}".encode())}
    )
    where = reach(WithHosts(network, {"www.lab.test": ("10.0.0.7",)}), "10.0.0.0/8")
    await proved(claim("http-01", "www.lab.test"), where)
    assert network.asked == []


async def test_its_address_has_to_be_one_that_the_ca_may_connect_to() -> None:
    where = reach(WithHosts(FakeNetwork(), {"www.lab.test": ("127.0.0.1",)}))
    await refused(claim("http-01", "www.lab.test"), where, ProblemType.CONNECTION)
