"""Our own CA on this machine, with what it needs to validate, and certificates declared that a worker is to obtain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Command, cost_of
from bench.webroot import serve_folder
from evercert.db.opening import Place
from tests.fleet.declared import declaration, validate_here
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.evercert_ca import EvercertCa
from tests.peers.place import Machine
from tests.peers.ports import free_port
from tests.peers.postgres import Postgres
from tests.peers.program import ROOT, Program, without_trust_overrides

__all__ = ["EVERCERT", "Estate", "World", "estates", "world"]

EVERCERT = str(ROOT / ".venv/bin/evercert")


@dataclass(frozen=True)
class World:
    """What stands around every estate: the CA, a DNS server by which every name leads here, a web server's folder."""

    folder: Path
    ca: EvercertCa
    dns: Challtestsrv
    root: Path


@dataclass(frozen=True)
class Estate:
    """One store, its certificates declared, none of them obtained."""

    name: str
    home: Path
    place: Place
    env: dict[str, str]
    count: int

    def work(self) -> Program:
        """A worker that stays."""
        return Program([EVERCERT, "run"], self.home / "worker.log", env=self.env)

    def installed(self) -> int:
        """How many certificates have been obtained and put where the servers read them."""
        live = self.home / "installed" / "live"
        return sum(1 for _ in os.scandir(live)) if live.exists() else 0


@contextmanager
def world(folder: Path) -> Iterator[World]:
    machine, root, port = Machine(folder), folder / "www", free_port()
    folder.chmod(0o755)
    with ExitStack() as stack:
        dns = stack.enter_context(Challtestsrv(machine))
        stack.callback(serve_folder(root, folder, port).end)
        ca = EvercertCa(folder / "ca")
        validate_here(ca.folder / "ca.toml", dns.address, port)
        yield World(folder, stack.enter_context(ca), dns, root)


def estates(world: World, count: int) -> Iterator[Estate]:
    """One on SQLite, then one on a PostgreSQL that is as durable; each is done with when the next is asked for."""
    home = world.folder / "sqlite"
    yield _declared(world, "SQLite", home, home / "evercert.db", count)
    with Postgres(durable=True) as server:
        yield _declared(world, "PostgreSQL", world.folder / "postgresql", server.fresh(), count)


def _declared(world: World, name: str, home: Path, place: Place, count: int) -> Estate:
    home.mkdir()
    database = {} if isinstance(place, Path) else {"EVERCERT_DATABASE": place.text()}
    env = without_trust_overrides(
        EVERCERT_HOME=str(home), EVERCERT_RESOLVERS=world.dns.address, HTTPS_PROXY="", https_proxy="", **database
    )
    file = home / "evercert.toml"
    file.write_text(
        declaration(
            world.ca.directory,
            roots=world.ca.root_file,
            root=world.root,
            installed=home / "installed",
            count=count,
        )
    )
    apply = Command([EVERCERT, "apply", "--no-wait", "--quiet", "--config", str(file)], env)
    cost_of(apply, world.folder / "apply.log", 120)
    return Estate(name, home, place, env, count)
