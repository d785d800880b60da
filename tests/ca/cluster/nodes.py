"""Two real nodes on one real PostgreSQL, in which a test holds one of them at a step of its choice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from evercert.ca.store.schema import MIGRATIONS
from evercert.db.opening import open_database
from evercert.demo.cluster.customers import Customer, Shown, Tally
from evercert.demo.cluster.front import Front
from evercert.demo.cluster.nodes import found_ca
from evercert.demo.cluster.proof import Proof, prove
from tests.peers.ports import free_port
from tests.peers.postgres import Postgres
from tests.peers.program import ROOT, Program, installed

__all__ = ["Cluster", "Held", "two_nodes"]

_EVERCERT = ROOT / ".venv/bin/evercert"
_PATIENCE = 30.0
# Any number does: nobody else takes a lock of that number.
_LOCK = 77


@dataclass
class Cluster:
    """`front.only` says which node is reached; `a` and `b` are those nodes' ports."""

    folder: Path
    server: Postgres
    database: str
    front: Front
    shown: Shown
    url: str
    a: int
    b: int
    programs: dict[int, Program]

    def start(self, port: int) -> None:
        argv: list[str | Path] = [_EVERCERT, "ca", "serve", "--dir", self.folder, "--listen", f"127.0.0.1:{port}"]
        self.programs[port] = Program(argv, self.log(port))

    def log(self, port: int) -> Path:
        return self.folder.parent / f"{port}.log"

    async def answers(self, port: int) -> None:
        """Returns once it does."""
        program = self.programs[port]
        await until(lambda: program.is_running and program.text().rstrip().count("serving ") >= 1, "serving")

    def stop(self, port: int) -> None:
        self.programs[port].signal(signal.SIGSTOP)

    def go_on(self, port: int) -> None:
        self.programs[port].signal(signal.SIGCONT)

    async def obtained(self, name: str) -> Proof:
        """What the store says once a customer, who does not give up, has the certificate."""
        tally, names = Tally(1), asyncio.Queue[str]()
        names.put_nowait(name)
        customer = Customer(f"{self.url}/acme/directory", self.folder / "root.pem", self.shown, tally)
        async with asyncio.timeout(2 * _PATIENCE):
            await customer.get_all(names)
        async with open_database(self.server.url(self.database), MIGRATIONS) as db:
            return await prove(db, tally.got)

    @contextmanager
    def held_at(self, step: str) -> Iterator[Held]:
        """Whoever comes to that step, which is the beginning of a trigger, is held there until he is let go."""
        self.server.run(
            f"""
            CREATE FUNCTION hold() RETURNS TRIGGER LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock({_LOCK}); RETURN new; END $$;
            CREATE {step} EXECUTE FUNCTION hold();
            """,
            self.database,
        )
        held = Held(self.server, self.database)
        try:
            yield held
        finally:
            held.let_go()
            self.server.run("DROP FUNCTION hold CASCADE", self.database)


class Held:
    """A lock that a session of its own has, and whoever waits for it."""

    def __init__(self, server: Postgres, database: str) -> None:
        self._server = server
        argv = [installed("psql", "run `make peers`"), server.url(database).text(), "-XqAt"]
        self._holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdin
        assert self._holder.stdout
        self._holder.stdin.write(f"SELECT 'held' FROM pg_advisory_lock({_LOCK});\n")
        self._holder.stdin.flush()
        assert self._holder.stdout.readline() == "held\n"

    async def reached(self) -> None:
        """Returns once somebody waits."""
        await until(lambda: self._waiting("count(*)") != "0", "held")

    def undo(self) -> None:
        """Afterwards what whoever waits was about to do is undone, as when a server ends with it."""
        self._waiting("pg_terminate_backend(pid)")

    def let_go(self) -> None:
        """Idempotent."""
        if self._holder.returncode is None:
            self._holder.communicate(timeout=_PATIENCE)

    def _waiting(self, what: str) -> str:
        sql = f"SELECT {what} FROM pg_locks WHERE locktype = 'advisory' AND objid = {_LOCK} AND NOT granted"
        return self._server.run(sql).strip()


@asynccontextmanager
async def two_nodes(
    folder: Path, server: Postgres, names: tuple[str, ...], shown: Shown | None = None
) -> AsyncIterator[Cluster]:
    """Both answer. Their turns are so short that nobody waits for long."""
    shown = shown or Shown()
    database, front_port, a, b = server.fresh_name(), free_port(), free_port(), free_port()
    url, front = f"https://localhost:{front_port}", Front([a, b])
    async with AsyncExitStack() as ending:
        web = await asyncio.start_server(shown.answer, "127.0.0.1", 0)
        ending.callback(web.close)
        await found_ca(folder / "ca", url, server.url(database), names, web.sockets[0].getsockname()[1])
        settings = folder / "ca" / "ca.toml"
        settings.write_text(settings.read_text().replace('turn = "5s"', 'turn = "3s"'))
        await ending.enter_async_context(front.open(front_port))
        cluster = Cluster(folder / "ca", server, database, front, shown, url, a, b, {})
        ending.callback(_end, cluster)
        for port in (a, b):
            cluster.start(port)
        for port in (a, b):
            await cluster.answers(port)
        yield cluster


def _end(cluster: Cluster) -> None:
    for program in cluster.programs.values():
        program.signal(signal.SIGCONT)
        program.end()


async def until(holds: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not holds():
            await asyncio.sleep(0.05)
