"""`docs/plugins.md`, done as it says: its package is installed, found, and does its work."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evercert.base.message import Request, Response
from evercert.base.secret import Secret
from evercert.deploy.apply import apply
from evercert.deploy.proof import Proof, Sight
from evercert.model.fact import DeployStatus
from evercert.net.dns import DnsResolver
from evercert.plugins import registry
from evercert.plugins.contracts import Bundle, Endpoint, Ports
from evercert.plugins.info import PluginKind
from tests.fakes.bundles import Issuer
from tests.fakes.clock import FakeClock
from tests.fakes.programs import FakePrograms
from tests.fakes.stranger import installed_package
from tests.fakes.transport import FakeTransport

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
CLOCK = FakeClock(Issuer().now)


def blocks(language: str) -> str:
    return "\n\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL))


def accepted(request: Request) -> Response:
    return Response(204, (), b"", CLOCK.now())


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    groups = tomllib.loads(blocks("toml"))["project"]["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {place}" for name, place in points.items()))
    ]
    with installed_package(tmp_path, {"their_box": blocks("python")}, "\n".join(lines)):
        yield Ports(FakeTransport(accepted), DnsResolver(), FakePrograms(), CLOCK)


async def test_its_dns_provider_writes_and_removes(ports: Ports) -> None:
    box = registry.load(PluginKind.DNS, "box")
    values = {"url": "https://box.test", "token": "env:EVERCERT_BOX_TOKEN"}
    provider = box(registry.options(box.info, values, lambda reference: Secret(reference.encode())), ports)
    note = await provider.add_txt("a.test", "_acme-challenge.a.test", "value", 60)
    await provider.remove_txt("a.test", "_acme-challenge.a.test", "value", note)
    assert isinstance(ports.http, FakeTransport)
    assert [request.method for request in ports.http.requests] == ["PUT", "DELETE"]
    assert {request.headers["authorization"] for request in ports.http.requests} == {"Bearer env:EVERCERT_BOX_TOKEN"}


async def test_its_deploy_target_installs_and_reloads(ports: Ports, tmp_path: Path) -> None:
    async def seen(endpoints: Sequence[Endpoint], bundle: Bundle) -> Proof:
        return Proof(tuple(Sight(f"{each.host}:{each.port} as {each.server_name}") for each in endpoints))

    rack = registry.load(PluginKind.DEPLOY, "rack")
    target = rack(registry.options(rack.info, {"endpoint": "192.0.2.7:443"}, Secret), ports, tmp_path)
    outcome = await apply(target, Issuer(now=CLOCK.now()).bundle("a.test"), seen, lambda _: None)
    assert (outcome.status, outcome.detail) == (DeployStatus.SERVED, "served at 192.0.2.7:443 as a.test")
    assert (tmp_path / "live" / "a.test" / "privkey.pem").is_file()
    assert isinstance(ports.programs, FakePrograms)
    assert [argv for argv, _ in ports.programs.runs] == [["/usr/bin/rackctl", "reload"]]
