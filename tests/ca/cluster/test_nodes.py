"""One of two nodes dies, or is stopped, at each durable step of a certificate; the other ends what it had begun."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evercert.demo.cluster.customers import Shown
from tests.ca.cluster.nodes import two_nodes, until
from tests.peers.postgres import Postgres

# Where a node is held: right before the step is kept, or in the very moment of its commit.
STEPS = {
    "begin attempt": "TRIGGER held BEFORE UPDATE ON authorizations FOR EACH ROW "
    "WHEN (old.attempted = '' AND new.attempted <> '')",
    "validated": "TRIGGER held BEFORE UPDATE ON authorizations FOR EACH ROW WHEN (new.status = 'valid')",
    "begin processing": "TRIGGER held BEFORE UPDATE ON orders FOR EACH ROW "
    "WHEN (old.status = 'pending' AND new.status = 'processing')",
    "finish": "TRIGGER held BEFORE INSERT ON certificates FOR EACH ROW WHEN (new.order_id <> 0)",
    "commit of the finish": "CONSTRAINT TRIGGER held AFTER INSERT ON certificates "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.order_id <> 0)",
}
NAMES = ("one.demo.example", "two.demo.example")


@pytest.mark.parametrize("step", STEPS)
async def test_what_a_node_was_at_when_it_was_killed_is_ended_by_the_other(
    step: str, tmp_path: Path, postgres: Postgres
) -> None:
    async with two_nodes(tmp_path, postgres, NAMES) as cluster:
        for number, name in enumerate(NAMES):
            cluster.front.only = cluster.a
            with cluster.held_at(STEPS[step]) as held:
                obtaining = asyncio.create_task(cluster.obtained(name))
                await held.reached()
                cluster.programs[cluster.a].kill()
                cluster.front.only = cluster.b
                if number:
                    held.undo()  # else it is kept, and nobody was told
                held.let_go()
                proof = await obtaining
            assert proof.is_good, proof
            assert proof.certificates == number + 1
            if not number:
                cluster.start(cluster.a)
                await cluster.answers(cluster.a)


async def test_a_node_that_was_stopped_while_it_signed_keeps_nothing_when_it_goes_on(
    tmp_path: Path, postgres: Postgres
) -> None:
    async with two_nodes(tmp_path, postgres, NAMES) as cluster:
        cluster.front.only = cluster.a
        with cluster.held_at(STEPS["finish"]) as held:
            obtaining = asyncio.create_task(cluster.obtained(NAMES[0]))
            await held.reached()
            cluster.stop(cluster.a)
            cluster.front.only = cluster.b
            held.let_go()
            proof = await obtaining
        assert proof.is_good, proof
        cluster.go_on(cluster.a)
        await until(lambda: "taken over by another node meanwhile" in cluster.programs[cluster.a].text(), "overtaken")
        again = await cluster.obtained(NAMES[1])
        assert again.is_good, again
        assert again.certificates == 2


class Slow(Shown):
    """Keeps the first who asks waiting, and then has another answer for him."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.over = asyncio.Event(), asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.asked.is_set():
            self.asked.set()
            await self.over.wait()
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        await super().answer(reader, writer)


async def test_a_node_that_was_stopped_while_it_validated_refutes_nothing_when_it_goes_on(
    tmp_path: Path, postgres: Postgres
) -> None:
    shown = Slow()
    async with two_nodes(tmp_path, postgres, NAMES, shown) as cluster:
        cluster.front.only = cluster.a
        obtaining = asyncio.create_task(cluster.obtained(NAMES[0]))
        await shown.asked.wait()
        cluster.stop(cluster.a)
        cluster.front.only = cluster.b
        proof = await obtaining
        assert proof.is_good, proof
        shown.over.set()
        cluster.go_on(cluster.a)
        await until(lambda: "was ended by others meanwhile" in cluster.programs[cluster.a].text(), "overtaken")
        assert "refused validation" not in postgres.run("SELECT kind FROM audit", cluster.database)
        cluster.front.only = cluster.a
        assert (await cluster.obtained(NAMES[1])).certificates == 2
