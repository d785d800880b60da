"""What every test may ask for by name: a Pebble of this worker's own or made to order, a database, a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from evercert.db.migrate import Migration
    from evercert.db.opening import Place
    from tests.peers.namespaces import Namespace
    from tests.peers.pebble import Pebble
    from tests.peers.postgres import Postgres

# How quick the machine is, and what else it does, is no matter of what a property says.
settings.register_profile("evercert", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evercert")


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this worker; each has a database of its own (`postgres.fresh`)."""
    from tests.peers.postgres import Postgres

    with Postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Sequence[Migration]], Place]]:
    """On each database in turn: a new place for `open_database`, with those migrations applied where that is cheaper
    than applying them again."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        with server.lending() as fresh:
            yield fresh
    else:
        numbers = count(1)
        yield lambda migrations: tmp_path / f"{next(numbers)}.db"


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Namespace]:
    """A network of this test's own, in which real programs have the real ports 53, 80 and 443."""
    from tests.peers.namespaces import Namespace

    folder = tmp_path / "namespace"
    folder.mkdir()
    with Namespace(folder) as made:
        yield made
