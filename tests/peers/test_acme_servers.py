"""The ACME servers of other makers issue to a client of another maker, each with the manners its docstring tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.peers.caddy import Caddy
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.openbao import OpenBao
from tests.peers.program import installed


@pytest.fixture
def named(namespace: Namespace) -> Iterator[Namespace]:
    """A namespace in which every name leads to 127.0.0.1."""
    with Challtestsrv(namespace, port=53):
        yield namespace


def issued(
    namespace: Namespace, directory: str, folder: Path, env: dict[str, str] | None, *challenge: str
) -> x509.Certificate:
    client = [installed("lego", "run `make peers`"), "--server", directory, "--accept-tos", "--email", "a@example.test"]
    namespace.run(
        [*client, "--path", str(folder), "--domains", "other.example.test", *challenge, "run"], env=env, seconds=90
    )
    return x509.load_pem_x509_certificate((folder / "certificates/other.example.test.crt").read_bytes())


def test_caddy_issues_for_half_a_day(named: Namespace, tmp_path: Path) -> None:
    with Caddy(named) as caddy:
        certificate = issued(named, caddy.directory, tmp_path / "lego", caddy.environment(), "--tls")
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert timedelta(hours=11) < life < timedelta(hours=13)


def test_openbao_issues_over_plain_http_and_a_role_caps_the_life(named: Namespace, tmp_path: Path) -> None:
    with OpenBao(named) as bao:
        certificate = issued(named, bao.role_directory, tmp_path / "lego", None, "--http")
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert life <= timedelta(hours=24, minutes=1)
        assert not bao.is_revoked(f"{certificate.serial_number:x}")
        assert "BEGIN CERTIFICATE" in bao.root()
