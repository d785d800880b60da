from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.deploy.targets.nginx import Nginx as NginxTarget
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Ports
from tests.deploy.conftest import options_for, run_apply
from tests.fakes.bundles import Issuer
from tests.peers.handshake import leaf_at
from tests.peers.nginx import Nginx

WWW = "www.example.test"
PLAIN = """# the user's own words
server {
    listen 127.0.0.1:{http};  # plain
    server_name www.example.test example.test;
    location / { return 200 "plain $scheme"; }
}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    server = Nginx(tmp_path / "nginx", {"www.conf": PLAIN})
    yield server
    server.end()


def target_of(nginx: Nginx, ports: Ports, state: Path, **more: str) -> NginxTarget:
    return NginxTarget(options_for(NginxTarget.info, **nginx.options, **more), ports, state)


async def test_a_block_that_is_plain_gets_tls_and_serves_the_certificate(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    bundle = issuer.bundle(WWW, "example.test")
    outcome = await run_apply(target_of(nginx, ports, state), bundle)
    assert outcome.failure is None
    assert outcome.status is DeployStatus.SERVED
    assert leaf_at("127.0.0.1", nginx.https, WWW) == bundle.leaf_der
    text = nginx.site("www.conf")
    assert text.startswith("# the user's own words\nserver {\n")
    assert f"listen 127.0.0.1:{nginx.https} ssl;" in text
    assert '    location / { return 200 "plain $scheme"; }\n}\n' in text


async def test_a_renewal_changes_one_link_and_no_configuration(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
    before = nginx.site("www.conf")
    renewed = issuer.bundle(WWW)
    outcome = await run_apply(target_of(nginx, ports, state), renewed)
    assert outcome.status is DeployStatus.SERVED
    assert leaf_at("127.0.0.1", nginx.https, WWW) == renewed.leaf_der
    assert nginx.site("www.conf") == before


def get(nginx: Nginx, host: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.http, timeout=5)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
