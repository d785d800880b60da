"""The ACME servers of other makers: obtained, renewed, revoked, with their own manners and short lives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.journeys.host import NAME, Host
from tests.peers.caddy import Caddy
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.openbao import OpenBao


@pytest.fixture
def caddy(names: Challtestsrv, host: Host) -> Iterator[Caddy]:
    with Caddy(host.namespace, names.address) as running:
        yield running


@pytest.fixture
def bao(names: Challtestsrv, host: Host) -> Iterator[OpenBao]:
    with OpenBao(host.namespace, names.address) as running:
        yield running


@pytest.mark.parametrize("challenge", ["--http-01", "--tls-alpn-01"])
def test_caddy_issues_and_renews_what_lives_half_a_day(caddy: Caddy, host: Host, challenge: str) -> None:
    at = ["--ca", caddy.directory, "--ca-roots", str(caddy.authority)]
    host("obtain", NAME, *at, challenge)
    first = host.serial()
    host("renew", "--force", NAME)
    assert host.serial() != first
    assert life(host) < timedelta(hours=13)
    nothing = host("renew")
    assert nothing.out.startswith("nothing is due")


def test_caddy_revokes_and_what_was_revoked_is_replaced(caddy: Caddy, host: Host) -> None:
    host("obtain", NAME, "--ca", caddy.directory, "--ca-roots", caddy.authority)
    first = host.serial()
    assert f"revoked, serial {first}" in host("revoke", NAME).err
    assert host.serial() != first
    assert host.leaf().serial == host.serial()


@pytest.mark.parametrize("challenge", ["--http-01", "--tls-alpn-01"])
def test_openbao_issues_renews_and_revokes(bao: OpenBao, host: Host, challenge: str) -> None:
    host("obtain", NAME, "--ca", bao.role_directory, "--allow-http", challenge)
    first = host.serial()
    host("renew", "--force", NAME)
    second = host.serial()
    assert second != first
    assert life(host) <= timedelta(hours=24, minutes=1)
    host("revoke", NAME, "--serial", first)
    assert (bao.is_revoked(first), bao.is_revoked(second)) == (True, False)


def test_openbao_is_left_alone_where_plain_http_was_not_allowed(bao: OpenBao, host: Host) -> None:
    done = host("obtain", NAME, "--ca", bao.directory, status=2)
    assert "--allow-http" in done.hint


def test_one_home_has_accounts_at_several_cas(caddy: Caddy, bao: OpenBao, host: Host) -> None:
    host("obtain", "one.example.test", "--ca", caddy.directory, "--ca-roots", caddy.authority)
    host("obtain", "two.example.test", "--ca", bao.directory, "--allow-http")
    assert {each["ca"] for each in host.document("account", "show")} == {caddy.directory, bao.directory}
    assert [each["ca"] for each in host.document("list")] == [caddy.directory, bao.directory]


def life(host: Host) -> timedelta:
    leaf = host.leaf()
    return leaf.not_after - leaf.not_before
