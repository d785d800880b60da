"""Real DNS servers and services for the tests of this room, one each for all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import lexicon
import pytest

from tests.peers.bind import Bind
from tests.peers.moto import Moto
from tests.peers.place import Machine
from tests.peers.powerdns import PowerDns

# dns-lexicon leaves modules behind that warn whoever looks at them, and hypothesis looks at all there are.
for shim in ("cli", "discovery", "parser"):
    sys.modules.pop(f"{lexicon.__name__}.{shim}", None)


@pytest.fixture(scope="session")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    with Bind(Machine(tmp_path_factory.mktemp("bind")), {"example.test": "", "other.test": ""}) as running:
        yield running


@pytest.fixture(scope="session")
def powerdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDns]:
    with PowerDns(Machine(tmp_path_factory.mktemp("powerdns"))) as running:
        yield running


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(Machine(tmp_path_factory.mktemp("moto"))) as running:
        yield running
