"""A user's machine with its DNS, and a CA that comes to its real ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.host import Host
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig


@pytest.fixture
def host(namespace: Namespace, tmp_path: Path) -> Host:
    return Host(namespace, tmp_path / "home")


@pytest.fixture
def names(namespace: Namespace) -> Iterator[Challtestsrv]:
    """The DNS in which every name is this machine."""
    with Challtestsrv(namespace, port=53) as running:
        yield running


@pytest.fixture
def ca(namespace: Namespace, names: Challtestsrv) -> Iterator[Pebble]:
    """Comes to the ports 80 and 443, and is trusted by whoever is given `--ca-roots`."""
    with Pebble(namespace, PebbleConfig(dns=names.address, http_port=80, tls_port=443)) as running:
        yield running


@pytest.fixture
def at(ca: Pebble) -> list[str]:
    """The options that lead to the CA."""
    return ["--ca", ca.directory, "--ca-roots", str(ca.authority)]
