"""nginx as Debian installs it: its own /etc/nginx, ports 80 and 443, in a namespace of the test's own."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.deploy.proof import prove
from evercert.deploy.targets.nginx import Nginx as NginxTarget
from evercert.host.programs import SystemPrograms
from evercert.model.fact import DeployStatus
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.tls import probe
from evercert.plugins.contracts import Ports
from tests.deploy.conftest import NoDns, Responder, options_for, run_apply
from tests.fakes.bundles import Issuer
from tests.peers.handshake import leaf_at
from tests.peers.namespaces import Namespace
from tests.peers.program import ROOT, installed

WWW = "www.example.test"
_INSIDE = "import sys; from tests.deploy.test_stock_debian import inside; inside(*sys.argv[1:])"
_OWN_FOLDERS = ("/run", "/var/log/nginx", "/var/lib/nginx")


@pytest.fixture
def debian(namespace: Namespace, tmp_path: Path) -> Iterator[Namespace]:
    """A machine where the stock nginx runs, with a site of the user's beside Debian's default one."""
    etc = tmp_path / "etc-nginx"
    shutil.copytree("/etc/nginx", etc, symlinks=True)
    (etc / "sites-available" / "www").write_text(
        f"server {{\n\tlisten 80;\n\tlisten [::]:80;\n\tserver_name {WWW};\n}}\n"
    )
    (etc / "sites-enabled" / "www").symlink_to("../sites-available/www")
    namespace.run(["mount", "--bind", etc, "/etc/nginx"])
    for folder in _OWN_FOLDERS:
        namespace.run(["mount", "-t", "tmpfs", "none", folder])
    nginx = namespace.start([installed("nginx", "run `make peers`"), "-g", "daemon off;"], "nginx")
    nginx.wait_until(lambda: namespace.accepts(80), "accepting connections")
    yield namespace
    nginx.end()


def test_the_stock_nginx_answers_challenges_and_serves_on_443_without_a_single_option(
    debian: Namespace, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    debian.run([sys.executable, "-c", _INSIDE, state], env={"PYTHONPATH": f"{ROOT}:{ROOT}/src"})
    site = (tmp_path / "etc-nginx" / "sites-available" / "www").read_text()
    assert "listen 443 ssl;" in site
    assert "listen [::]:443 ssl;" in site
    assert "acme-challenge" not in site
    assert (tmp_path / "etc-nginx" / "sites-enabled" / "www").is_symlink()


def inside(state: str) -> None:
    asyncio.run(_inside(Path(state)))


async def _inside(state: Path) -> None:
    clock = SystemClock()
    transport = HttpTransport(HttpSettings(), clock)
    ports = Ports(transport, NoDns(), SystemPrograms(), clock)
    target = NginxTarget(options_for(NginxTarget.info), ports, state)
    responder = Responder("token-1")
    await target.open_route(parse_identifiers([WWW]), responder.port)
    for address in ("127.0.0.1", "::1"):
        answer = await asyncio.to_thread(fetched, address)
        assert answer == (200, b"token-1.thumbprint")
    await target.close_route()
    bundle = Issuer().bundle(WWW)
    outcome = await run_apply(target, bundle, partial(prove, probe=probe, clock=clock))
    assert outcome.failure is None
    assert outcome.status is DeployStatus.SERVED
    assert {leaf_at(address, 443, WWW) for address in ("127.0.0.1", "::1")} == {bundle.leaf_der}
    responder.close()
    await transport.close()


def fetched(address: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, 80, timeout=5)
    try:
        connection.request("GET", "/.well-known/acme-challenge/token-1", headers={"Host": WWW})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
