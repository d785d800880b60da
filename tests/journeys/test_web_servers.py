"""The main job as it is typed: a certificate in the web server that runs already, proved, and swapped under load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.fakes.bundles import Issuer
from tests.journeys.host import NAME, Host
from tests.journeys.visitors import Visitors
from tests.peers.namespaces import Namespace
from tests.peers.place import Place
from tests.peers.program import Program, installed
from tests.peers.stock import served_folder, stock_apache, stock_nginx

OTHER = "other.example.test"


@pytest.fixture
def other(tmp_path: Path) -> tuple[Path, Path]:
    """Certificate and key of a site that has nothing to do with us."""
    bundle = Issuer().bundle(OTHER)
    certificate, key = tmp_path / "other.pem", tmp_path / "other.key"
    certificate.write_text(bundle.fullchain_pem)
    assert bundle.private_key is not None
    key.write_bytes(bundle.private_key.reveal())
    return certificate, key


def serial_of(certificate: Path) -> str:
    return read_certificate(split_pem(certificate.read_bytes())[0]).serial


def installs_and_renews(host: Host, at: list[str], target: str, sites: Path, other: Path) -> None:
    """The journey that every web server with a configuration of its own goes through."""
    told = host("obtain", NAME, *at, "--http-01", "--deploy", target)
    assert told.out.startswith(f"{NAME}: served, valid until ")
    first = host.served().serial
    assert first == host.serial()
    assert f"{NAME}  served" in host("list").out
    assert host.served(OTHER).serial == serial_of(other)
    installed_once = texts(sites)
    assert "acme-challenge" not in "".join(installed_once.values())
    with Visitors(host.namespace, NAME) as visitors, Visitors(host.namespace, OTHER) as neighbours:
        host("renew", "--force", NAME)
        assert host.served().serial == host.serial() != first
        seen, seen_there = visitors.gone(), neighbours.gone()
    assert (seen.failures, seen_there.failures) == ([], [])
    assert (seen.leaves, seen_there.leaves) == (2, 1)
    assert texts(sites) == installed_once


def texts(sites: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sites.iterdir()}


def test_nginx_answers_the_challenge_and_serves_the_certificate(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path, other: tuple[Path, Path]
) -> None:
    certificate, key = other
    neighbour = f"server_name {OTHER}; ssl_certificate {certificate}; ssl_certificate_key {key}; return 204;"
    sites = {
        "www": f"server {{ listen 80; listen [::]:80; server_name {NAME}; return 200 plain; }}\n",
        "other": f"server {{ listen 443 ssl; {neighbour} }}\n",
    }
    with stock_nginx(namespace, tmp_path, sites) as etc:
        installs_and_renews(host, at, "nginx", etc / "sites-enabled", certificate)


def test_apache_answers_the_challenge_and_serves_the_certificate(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path, other: tuple[Path, Path]
) -> None:
    certificate, key = other
    neighbour = f"ServerName {OTHER}\nSSLEngine on\nSSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}"
    sites = {
        "www": f"<VirtualHost *:80>\nServerName {NAME}\nDocumentRoot /var/www/html\n</VirtualHost>\n",
        "other": f"<VirtualHost *:443>\n{neighbour}\nDocumentRoot /var/www/html\n</VirtualHost>\n",
    }
    with stock_apache(namespace, tmp_path, sites, modules=("ssl",)) as etc:
        installs_and_renews(host, at, "apache", etc / "sites-enabled", certificate)


def test_apache_without_tls_is_told_how_to_get_it(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path
) -> None:
    site = f"<VirtualHost *:80>\nServerName {NAME}\nDocumentRoot /var/www/html\n</VirtualHost>\n"
    with stock_apache(namespace, tmp_path, {"www": site}) as etc:
        done = host("obtain", NAME, *at, "--http-01", "--deploy", "apache", status=8)
        assert "a2enmod ssl" in done.hint
        assert texts(etc / "sites-enabled")["www.conf"] == site
        assert host.state() == "not-installed"


HAPROXY = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend plain
    bind :80
    acl asked path_beg /.well-known/acme-challenge/
    http-request return status 200 content-type text/plain string plain unless asked
    default_backend acme
frontend tls
    bind :443 ssl crt {pem}
    http-request return status 200 content-type text/plain string secret
backend acme
    server evercert 127.0.0.1:8402
"""


def haproxy(place: Place, folder: Path, pem: Path) -> tuple[Program, Path]:
    conf = folder / "haproxy.cfg"
    conf.write_text(HAPROXY.format(socket=folder / "s", pem=pem))
    argv: list[str | Path] = [installed("haproxy", "run `make peers`"), "-db", "-W", "-f", conf, "-p", folder / "pid"]
    running = place.start(argv, "haproxy")
    return running.wait_until(lambda: place.accepts(443), "accepting connections"), conf


@pytest.mark.parametrize("way", ["socket", "reload"])
def test_haproxy_forwards_the_challenge_and_serves_the_certificate(
    host: Host, at: list[str], namespace: Namespace, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, way: str
) -> None:
    folder = tmp_path_factory.mktemp("h")  # short: a Unix socket's path has at most 107 octets
    pem = tmp_path / "www.pem"
    bundle = Issuer().bundle(NAME)
    assert bundle.private_key is not None
    pem.write_bytes(bundle.fullchain_pem.encode() + bundle.private_key.reveal())
    running, conf = haproxy(namespace, folder, pem)
    reload = f"/bin/kill -USR2 {running.pid}"
    how = ["-o", f"haproxy.{way}={folder / 's' if way == 'socket' else reload}"]
    options = ["-o", f"haproxy.crt={pem}", "-o", f"haproxy.conf={conf}", *how]
    with running:
        told = host("obtain", NAME, *at, "--proxied-port", "8402", "--deploy", "haproxy", *options)
        assert told.out.startswith(f"{NAME}: served, valid until ")
        first = host.served().serial
        assert first == host.serial() == serial_of(pem)
        with Visitors(namespace, NAME) as visitors:
            host("renew", "--force", NAME)
            seen = visitors.gone()
        assert host.served().serial == host.serial() == serial_of(pem) != first
        assert (seen.failures, seen.leaves) == ([], 2)


def test_a_server_that_refuses_the_certificate_keeps_what_it_had(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path, other: tuple[Path, Path]
) -> None:
    certificate, key = other
    root = served_folder(tmp_path / "www")
    site = f"server {{ listen 80; listen 443 ssl; server_name {NAME}; ssl_certificate {certificate};"
    site += f" ssl_certificate_key {key}; root {root}; }}\n"
    with stock_nginx(namespace, tmp_path, {"www": site}) as etc:
        broken = etc / "conf.d" / "broken.conf"
        host("obtain", NAME, *at, "--webroot", root)
        broken.write_text("nonsense;\n")
        done = host("deploy", NAME, "--to", "nginx", status=8)
        assert "nonsense" in done.err
        assert texts(etc / "sites-enabled")["www"] == site
        assert host.served().serial == serial_of(certificate)
        broken.unlink()
        host("deploy", NAME, "--to", "nginx")
        assert host.served().serial == host.serial()


def test_the_plain_site_still_answers_after_all_of_it(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path
) -> None:
    sites = {"www": f"server {{ listen 80; server_name {NAME}; location / {{ return 200 plain; }} }}\n"}
    with stock_nginx(namespace, tmp_path, sites):
        host("obtain", NAME, *at, "--http-01", "--deploy", "nginx")
        asked = f"import urllib.request as r; print(r.urlopen('http://{NAME}/').read().decode())"
        page = namespace.run([sys.executable, "-c", asked], env={})
        assert isinstance(page, subprocess.CompletedProcess)
        assert page.stdout.strip() == "plain"
