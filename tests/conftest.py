"""What every test may ask for by name: a Pebble of this worker's own, one made to order, a network namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.peers.namespaces import Namespace
    from tests.peers.pebble import Pebble


@pytest.fixture(scope="session")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """One Pebble for all tests of this worker: use names and accounts of your own, and ports `pebble.http_port` and
    `pebble.tls_port` for your responders."""
    from tests.peers.pebble import Pebble

    with Pebble(tmp_path_factory.mktemp("pebble")) as running:
        yield running


@pytest.fixture
def start_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Pebble]]:
    """Starts a Pebble configured by the keywords of `PebbleConfig`, for this test alone."""
    from tests.peers.pebble import Pebble, PebbleConfig

    with ExitStack() as stack:

        def start(**wanted: object) -> Pebble:
            config = PebbleConfig(**wanted)  # type: ignore[arg-type]  # the dataclass says what it takes
            return stack.enter_context(Pebble(tmp_path_factory.mktemp("pebble"), config))

        yield start


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Namespace]:
    """A network of this test's own, in which real programs have the real ports 53, 80 and 443."""
    from tests.peers.namespaces import Namespace

    folder = tmp_path / "namespace"
    folder.mkdir()
    with Namespace(folder) as made:
        yield made
