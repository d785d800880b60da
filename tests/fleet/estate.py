"""A fleet: a declaration, several workers of two machines, PostgreSQL, our CA, and what can happen to each of them."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw
from cryptography import x509

from bench.webroot import serve_folder
from evercert.base.secret import Secret
from evercert.db.protocol import Query
from evercert.pki.seal import new_master_key
from evercert.store import events
from evercert.store.opening import open_store
from tests.fleet.declared import declaration, validate_here
from tests.fleet.moody import Moody
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.evercert_ca import EvercertCa
from tests.peers.place import Machine
from tests.peers.ports import free_port
from tests.peers.postgres import Postgres
from tests.peers.program import Program, installed, without_trust_overrides

__all__ = ["Estate", "Issued", "Scale", "estate"]

_PROFILE = """
[profiles.fleet]
life = "{life}s"
allow = ["*"]
"""

# A look takes a tenth of a millisecond for each; one goes round in a minute where there are ten thousand.
_LOOKED = 200


@dataclass(frozen=True)
class Scale:
    """How many certificates, how many seconds each lives, for how many seconds a worker that is not seen keeps its
    work, and how long the whole may take."""

    certificates: int
    life: int
    lease: int
    patience: float


class Issued(NamedTuple):
    """One certificate: from when until when it is good, and when it was written down."""

    serial: str
    since: datetime
    until: datetime
    at: datetime


@dataclass
class Seen:
    """What the watcher found installed: the moments at which a name had no valid certificate."""

    looks: int = 0
    lapses: list[str] = field(default_factory=list)


class Estate:
    """All of it, running. *place* is where the store is."""

    def __init__(self, folder: Path, scale: Scale, database: str, ca: EvercertCa, moody: Moody, root: Path) -> None:
        self.folder = folder
        self.scale = scale
        self.database = database
        self.moody = moody
        self.ca = ca
        self.seen = Seen()
        self._live = folder / "installed" / "live"
        self._runs = 0
        self.workers: list[Program] = []
        # Of each worker, the machine on which it runs.
        self.machines: list[int] = []
        self._declare(root)

    @property
    def names(self) -> list[str]:
        return [f"w{number}.fleet.test" for number in range(1, self.scale.certificates + 1)]

    def start(self, machine: int) -> Program:
        """Another worker, on that machine."""
        self._runs += 1
        argv = [installed("evercert", "run `make setup`"), "run", "--home", self.folder / f"machine-{machine}"]
        # One of each machine's workers follows the declaration; here nothing changes it.
        log = self.folder / f"worker-{self._runs}.log"
        worker = Program([*argv, "--config", self.folder / "evercert.toml"], log, env=self._environment())
        self.workers.append(worker)
        self.machines.append(machine)
        return worker

    def kill(self, number: int, machine: int) -> None:
        """Kill -9, and another in its place."""
        self.workers.pop(number).kill()
        self.machines.pop(number)
        self.start(machine)

    @contextmanager
    def stopped(self, number: int) -> Iterator[None]:
        """Inside, that worker stands still, in the middle of whatever it does."""
        worker = self.workers[number]
        worker.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.signal(signal.SIGCONT)

    def look(self) -> None:
        """At what is installed: all of it, or as much of it as is new or has not been looked at for longest."""
        self.seen.looks += 1
        now = datetime.now(UTC)
        for name in self._turn():
            with suppress(FileNotFoundError):  # the first is not there yet
                leaf = x509.load_pem_x509_certificate((self._live / name / "cert.pem").read_bytes())
                if leaf.not_valid_after_utc <= datetime.now(UTC):
                    self.seen.lapses.append(f"{name} at {now:%H:%M:%S}, until {leaf.not_valid_after_utc:%H:%M:%S}")

    async def issued(self) -> dict[str, list[Issued]]:
        """By name: everything that was issued, as the store has it, the first one first."""
        query = Query("issued", "SELECT certificate, serial, not_before, not_after, issued_at FROM issued ORDER BY id")
        found: defaultdict[str, list[Issued]] = defaultdict(list)
        async with open_store(self.place) as db:
            for name, serial, *moments in (await db.scan(query()))[0]:
                found[name].append(Issued(serial, *map(_moment, moments)))
        return found

    async def verified(self) -> int:
        """How many events there are, each proved to follow the one before."""
        async with open_store(self.place) as db:
            return await events.verify(db)

    @property
    def place(self) -> Path | Secret:
        return Secret(self.database) if "://" in self.database else Path(self.database)

    def certified(self) -> set[str]:
        """The serials of all that the CA has issued to others, in its own books."""
        with _books(self.ca) as books:
            return {serial for (serial,) in books.execute("SELECT serial FROM certificates WHERE account_id <> 0")}

    def _turn(self) -> list[str]:
        names = self.names
        begin = self.seen.looks * _LOOKED % len(names)
        return (names + names)[begin : begin + min(_LOOKED, len(names))]

    def end(self) -> None:
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            worker.end()

    def _declare(self, root: Path) -> None:
        (self.folder / "evercert.toml").write_text(
            declaration(
                self.ca.directory,
                roots=self.moody.authority,
                root=root,
                installed=self.folder / "installed",
                count=self.scale.certificates,
            )
        )
        key = self.folder / "master.key"
        key.touch(0o600)
        key.write_bytes(new_master_key().reveal())

    def _environment(self) -> dict[str, str]:
        ours = {
            "EVERCERT_DATABASE": self.database,
            "EVERCERT_LEASE": str(self.scale.lease),
            "EVERCERT_MASTER_KEY": f"file:{self.folder / 'master.key'}",
            "EVERCERT_CONCURRENCY": "32",
            "PYTHONUNBUFFERED": "1",
        }
        return without_trust_overrides(HTTPS_PROXY="", https_proxy="", **ours)


@contextmanager
def estate(folder: Path, scale: Scale, server: Postgres | None = None) -> Iterator[Estate]:
    """In *folder*: a CA that validates and has short lives, a web server that shows the answers, no worker yet. The
    store is a file, or a database of *server*'s."""
    machine, root, port = Machine(folder), folder / "www", free_port()
    with Moody(folder) as moody, Challtestsrv(machine) as dns, _ending(serve_folder(root, folder, port)):
        ca = EvercertCa(folder / "ca", settings=_PROFILE.format(life=scale.life))
        validate_here(ca.folder / "ca.toml", dns.address, port)
        _stand_behind(ca, moody.port)
        with ca:
            moody.lead_to(ca.port, ca.root_file)
            database = server.fresh().text() if server else str(folder / "store.db")
            made = Estate(folder, scale, database, ca, moody, root)
            try:
                yield made
            finally:
                made.end()


def _stand_behind(ca: EvercertCa, port: int) -> None:
    """Afterwards its clients come by way of that port, and get certificates of short lives."""
    settings, behind = ca.folder / "ca.toml", f"https://localhost:{port}"
    text = settings.read_text().replace(f'url = "{ca.url}"', f'url = "{behind}"')
    settings.write_text(f'default_profile = "fleet"\n{text}')
    ca.url, ca.directory = behind, f"{behind}/acme/directory"


@contextmanager
def _ending(program: Program) -> Iterator[Program]:
    try:
        yield program
    finally:
        program.end()


@contextmanager
def _books(ca: EvercertCa) -> Iterator[apsw.Connection]:
    [file] = ca.folder.glob("*.db")
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        yield connection
    finally:
        connection.close()


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
