"""The story that is told: nodes are killed and PostgreSQL goes away under load, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.opening import open_database
from evercert.demo.cluster.customers import Customer, Shown, Tally
from evercert.demo.cluster.front import Front
from evercert.demo.cluster.nodes import Nodes, found_ca
from evercert.demo.cluster.nonces import answers_to_a_nonce
from evercert.demo.cluster.postgres import PrivatePostgres
from evercert.demo.cluster.proof import Proof, prove
from evercert.demo.cluster.watcher import Watcher
from evercert.demo.ports import free_ports

__all__ = ["Ending", "tell_of_nodes"]

Say = Callable[[str, str], None]

_CUSTOMERS = 16
# How long what was killed stays away: long enough for its work to be missed.
_AWAY = 2.0


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of what is revoked, as somebody saw them who fetched them again and again: the numbers of the first and
    the last, how often a number was lower than one before, and whether in the end all was listed that was revoked."""

    first: int
    last: int
    backwards: int
    complete: bool

    @property
    def are_good(self) -> bool:
        return not self.backwards and self.complete


@dataclass(frozen=True, slots=True)
class Ending:
    """How it went. `again` is how often a customer was cut off or asked to come again; `nonces` are the statuses of one
    request at another node than the one that made its nonce, and of the same request once more."""

    nodes: int
    seconds: float
    again: int
    nonces: tuple[int, int]
    revoked: int
    lists: Lists
    proof: Proof

    @property
    def is_good(self) -> bool:
        return self.proof.is_good and self.nonces == (200, 400) and self.lists.are_good


@dataclass(frozen=True, slots=True)
class _World:
    postgres: PrivatePostgres
    nodes: Nodes
    front: Front
    url: str
    roots: Path
    shown: Shown

    @property
    def directory(self) -> str:
        return f"{self.url}/acme/directory"


async def tell_of_nodes(folder: Path, count: int, wanted: int, say: Say) -> Ending:
    """Run it all and tell of it: so many nodes, so many certificates. Raises if a customer was left without his."""
    names = [f"n{number}.demo.example" for number in range(wanted)]
    async with _opened(folder, count, names, say) as world:
        began = SystemClock().monotonic()
        tally = Tally(wanted)
        watcher = Watcher(f"{world.url}/crl/issuing-1/whole.crl", world.roots)
        watching = asyncio.create_task(watcher.watch())
        try:
            await _serve_all(world, names, tally, say)
            seconds = SystemClock().monotonic() - began
            say("", f"waiting for a list with the {len(tally.revoked)} certificates that were revoked meanwhile")
            is_complete = await watcher.has_seen(tally.revoked)
        finally:
            watching.cancel()
        seen = watcher.numbers or [0]
        lists = Lists(seen[0], seen[-1], watcher.backwards, is_complete)
        say("", f"all {wanted} customers' certificates are there; asking the store, and a node for another's nonce")
        nonces = await answers_to_a_nonce(world.front, _two(world.nodes.ports), world.directory, world.roots)
        async with open_database(world.postgres.url, MIGRATIONS) as db:
            proof = await prove(db, tally.got)
        return Ending(count, round(seconds, 1), tally.again, nonces, len(tally.revoked), lists, proof)


@asynccontextmanager
async def _opened(folder: Path, count: int, names: Sequence[str], say: Say) -> AsyncIterator[_World]:
    """PostgreSQL, the nodes, what stands before them, and the customers' web server; all of it ends with this."""
    (folder / "postgres").mkdir(mode=0o700)
    front_port, *ports = free_ports(count + 1)
    url, front, shown = f"https://localhost:{front_port}", Front(ports), Shown()
    async with AsyncExitStack() as ending:
        postgres = PrivatePostgres(ending, folder / "postgres")
        say("", "starting PostgreSQL in a temporary folder")
        await postgres.make()
        web = await asyncio.start_server(shown.answer, "127.0.0.1", 0)
        ending.callback(web.close)
        say("", f"making a CA (evercert ca init) and starting {count} nodes at once (evercert ca serve --listen)")
        await found_ca(folder / "ca", url, postgres.url, names, web.sockets[0].getsockname()[1])
        nodes = Nodes(folder / "ca", ports, ending)
        await asyncio.gather(*map(nodes.start, range(count)))
        await ending.enter_async_context(front.open(front_port))
        yield _World(postgres, nodes, front, url, folder / "ca" / "root.pem", shown)


async def _serve_all(world: _World, names: Sequence[str], tally: Tally, say: Say) -> None:
    """Afterwards every name has its certificate, and everything has happened meanwhile."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    for name in names:
        queue.put_nowait(name)
    moved = asyncio.Event()
    tally.moved = moved.set
    customers = [Customer(world.directory, world.roots, world.shown, tally) for _ in range(_CUSTOMERS)]
    say("", f"{len(customers)} customers begin to ask for {len(names)} certificates, at one URL")
    async with asyncio.TaskGroup() as group:
        group.create_task(_disturb(world, tally, moved, say))
        for customer in customers:
            group.create_task(customer.get_all(queue))


async def _disturb(world: _World, tally: Tally, moved: asyncio.Event, say: Say) -> None:
    """Kill the first node, restart PostgreSQL, kill the last node: each in the middle of what others wait for."""
    last = len(world.nodes.ports) - 1
    await _reached(tally, moved, 1 / 5)
    await _killed(world, 0, tally, say)
    await _reached(tally, moved, 2 / 5)
    say("", f"{len(tally.got)} issued: stopping PostgreSQL for {_AWAY:.0f} s, under all nodes")
    await world.postgres.stop()
    await asyncio.sleep(_AWAY)
    await world.postgres.start()
    await _reached(tally, moved, 3 / 5)
    await _killed(world, last, tally, say)


async def _killed(world: _World, number: int, tally: Tally, say: Say) -> None:
    say("", f"{len(tally.got)} issued: killing node {number + 1} (SIGKILL); it comes back after {_AWAY:.0f} s")
    await world.nodes.kill(number)
    await asyncio.sleep(_AWAY)
    await world.nodes.start(number)
    say("", f"{len(tally.got)} issued: node {number + 1} is back")


async def _reached(tally: Tally, moved: asyncio.Event, part: float) -> None:
    """Returns once that part of the certificates was issued."""
    while len(tally.got) < tally.wanted * part:
        moved.clear()
        await moved.wait()


def _two(ports: Sequence[int]) -> tuple[int, int]:
    if len(ports) < 2:
        raise EvercertError("bad-input", "one node is none too many: say 2 or more")
    return ports[0], ports[1]
