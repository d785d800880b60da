from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from evercert.base.names import parse_identifiers
from evercert.deploy.targets.apache import Apache as ApacheTarget
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Ports
from tests.deploy.conftest import Responder, error_of, options_for, run_apply
from tests.fakes.bundles import Issuer
from tests.peers.apache import Apache
from tests.peers.handshake import leaf_at

WWW = "www.example.test"
CHALLENGE = "/.well-known/acme-challenge/"
PLAIN = """# the user's own words
<VirtualHost *:{http}>
    ServerName example.test
    ServerAlias www.example.test
    DocumentRoot htdocs
    Redirect permanent /old https://www.example.test/new
    RewriteEngine on
    RewriteCond %{HTTPS} off
    RewriteRule ^/members https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]
</VirtualHost>
"""


@pytest.fixture
def apache(tmp_path: Path) -> Iterator[Apache]:
    server = Apache(tmp_path / "apache", {"www.conf": PLAIN})
    yield server
    server.end()


def target_of(apache: Apache, ports: Ports, state: Path, **more: str) -> ApacheTarget:
    return ApacheTarget(options_for(ApacheTarget.info, **apache.options, **more), ports, state)


def get(apache: Apache, host: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", apache.http, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


async def test_a_host_that_is_plain_gets_a_twin_with_tls_and_a_renewal_changes_only_the_link(
    apache: Apache, ports: Ports, state: Path, issuer: Issuer
) -> None:
    apache.start()
    plain = apache.site("www.conf")
    for bundle in (issuer.bundle(WWW, "example.test"), issuer.bundle(WWW, "example.test")):
        outcome = await run_apply(target_of(apache, ports, state), bundle)
        assert outcome.failure is None
        assert outcome.status is DeployStatus.SERVED
        assert leaf_at("127.0.0.1", apache.https, WWW) == bundle.leaf_der
    text = apache.site("www.conf")
    assert text.startswith(plain.rstrip("\n"))
    twin = text.removeprefix(plain.rstrip("\n"))
    assert twin.count("<VirtualHost") == 1
    assert "https://" not in twin
    assert "DocumentRoot htdocs" in twin


WITH_TLS = """
Listen 127.0.0.1:{https}
<VirtualHost *:{https}>
    ServerName other.example.test
    SSLEngine on
    SSLCertificateFile snake.pem
    SSLCertificateKeyFile snake.key
</VirtualHost>
<VirtualHost *:{https}>
    ServerName www.example.test
    SSLEngine on
    SSLCertificateFile \\
        snake.pem
    SSLCertificateKeyFile snake.key
    SSLCertificateFile other.pem
    SSLCertificateKeyFile other.key
    SSLCertificateChainFile snake.pem
</VirtualHost>
"""


async def test_only_the_host_of_the_name_changes_and_no_old_certificate_of_another_kind_stays(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    apache = Apache(tmp_path / "apache", {"tls.conf": WITH_TLS})
    snake, other = issuer.bundle(WWW, number=1), issuer.bundle(WWW, key=rsa.generate_private_key(65537, 2048), number=2)
    for name, bundle in (("snake", snake), ("other", other)):
        (apache.folder / f"{name}.pem").write_text(bundle.fullchain_pem)
        assert bundle.private_key is not None
        (apache.folder / f"{name}.key").write_bytes(bundle.private_key.reveal())
    with apache:
        before = apache.site("tls.conf")
        bundle = issuer.bundle(WWW)
        outcome = await run_apply(target_of(apache, ports, state), bundle)
        assert outcome.failure is None
        assert outcome.status is DeployStatus.SERVED
        assert leaf_at("127.0.0.1", apache.https, "other.example.test") == snake.leaf_der
        text = apache.site("tls.conf")
        assert text[: text.index("</VirtualHost>")] == before[: before.index("</VirtualHost>")]
        assert "other.pem" not in text
        assert "# SSLCertificateChainFile" in text


async def test_a_route_leads_challenges_past_redirects_and_leaves_no_trace(
    tmp_path: Path, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    away = """
<VirtualHost *:{http}>
    ServerName www.example.test
    Redirect / https://www.example.test/
    RewriteEngine on
    RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]
    <Location "/">
        Require all denied
    </Location>
</VirtualHost>
"""
    with Apache(tmp_path / "apache", {"www.conf": away}) as apache:
        before, main = apache.site("www.conf"), apache.conf.read_bytes()
        target = target_of(apache, ports, state)
        await target.open_route(parse_identifiers([WWW]), responder("token-1").port)
        assert get(apache, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
        assert get(apache, WWW, CHALLENGE + "unknown")[0] == 404
        assert get(apache, WWW, "/")[0] == 301
        await target_of(apache, ports, state).close_route()
        assert apache.site("www.conf") == before
        assert apache.conf.read_bytes() == main
        assert list(state.iterdir()) == []


async def test_a_route_makes_its_own_host_where_none_is_on_port_80(
    tmp_path: Path, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    with Apache(tmp_path / "apache", {}) as apache:
        before = apache.conf.read_bytes()
        target = target_of(apache, ports, state)
        await target.open_route(parse_identifiers([WWW, "example.test"]), responder("token-1").port)
        assert get(apache, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
        await target.close_route()
        assert apache.conf.read_bytes() == before


async def test_a_fault_elsewhere_in_the_users_configuration_is_told_and_nothing_is_changed(
    apache: Apache, ports: Ports, state: Path, issuer: Issuer
) -> None:
    apache.start()
    apache.write_site("broken.conf", "NoSuchThing on\n")
    before = apache.site("www.conf")
    outcome = await run_apply(target_of(apache, ports, state), issuer.bundle(WWW))
    assert "broken before anything was changed" in error_of(outcome).message
    assert "NoSuchThing" in error_of(outcome).message
    assert apache.site("www.conf") == before


async def test_a_server_that_is_not_running_is_not_started_and_its_files_are_as_before(
    apache: Apache, ports: Ports, state: Path, issuer: Issuer
) -> None:
    before = apache.site("www.conf")
    outcome = await run_apply(target_of(apache, ports, state), issuer.bundle(WWW))
    assert error_of(outcome).message == "Apache is not running"
    assert apache.site("www.conf") == before
    assert not (apache.folder / "apache.pid").exists()


async def test_a_server_without_mod_ssl_is_told_what_to_load(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    with Apache(tmp_path / "apache", {"www.conf": PLAIN}, modules=()) as apache:
        outcome = await run_apply(target_of(apache, ports, state), issuer.bundle(WWW))
        assert "a2enmod ssl" in error_of(outcome).hint


async def test_a_name_without_a_host_is_refused_with_what_to_write(
    apache: Apache, ports: Ports, state: Path, issuer: Issuer
) -> None:
    apache.start()
    outcome = await run_apply(target_of(apache, ports, state), issuer.bundle("mail.example.test"))
    assert error_of(outcome).hint == "write `ServerName mail.example.test` into the one that shall serve it"
