"""A drill tells what an incident would meet, and leaves store and CA as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.db.protocol import Database, Row
from evercert.engine.incident.drill import Drill
from evercert.engine.incident.opening import outlook, survey
from evercert.engine.wiring import Engine
from evercert.model.fact import DeployStatus, Failure
from evercert.model.incident import Measures, Selection
from evercert.model.intent import ChallengeRule, TargetSpec
from evercert.store import certificates, deployments, tasks
from tests.engine.world import World
from tests.fakes.ca import Fault
from tests.fakes.lookup import Caa, FakeLookup
from tests.store.life import everything


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def drilled(engine: Engine, world: World, lookup: FakeLookup | None = None) -> list[tuple[str, str, bool]]:
    tally = await survey(engine.db, Selection(ca=world.ca.directory_url), Measures(revoke=4), world.clock.now())
    await outlook(engine.db, tally)
    found = await Drill(engine, lookup or FakeLookup()).hindrances(tally.names)
    return [(each.certificate, each.what, each.is_certain) for each in found]


async def kept(db: Database) -> dict[str, list[Row]]:
    return await everything(db)


async def test_it_changes_nothing_here_and_asks_the_ca_for_nothing(world: World) -> None:
    async with world.engine() as engine:
        for name in ("a.test", "b.test"):
            await world.obtain(engine, world.intent(name))
        before, files = await kept(engine.db), sorted(world.folder.rglob("*"))
        seen = world.ca.seen.copy()
        assert await drilled(engine, world) == []
        assert await kept(engine.db) == before
        assert sorted(world.folder.rglob("*")) == files
        assert world.ca.seen - seen == {"directory": 1}
        assert [each.revoked for each in world.ca.certificates.values()] == [None, None]


async def test_what_dns_does_not_allow_is_told(world: World) -> None:
    lookup = FakeLookup(records={"b.test": [Caa("other.test")]})
    async with world.engine() as engine:
        for name in ("a.test", "b.test"):
            await world.obtain(engine, world.intent(name))
        assert await drilled(engine, world, lookup) == [("b.test", "CAA of b.test lets only other.test issue", True)]


async def test_what_the_store_knows_to_be_wrong_is_told(world: World) -> None:
    async with world.engine() as engine:
        for name in ("a.test", "b.test", "c.test"):
            await world.obtain(engine, world.intent(name))
        now = world.clock.now()
        await tasks.stop(engine.db, "a.test", "nobody wants it", now)
        await certificates.failed(engine.db, "b.test", Failure("dns", "no answer", now), 1, now)
        [placed] = (await world.fact(engine, "c.test")).deployments
        failed = Failure("deploy", "no room on the disk", now)
        broken = type(placed)(
            placed.certificate, placed.target, placed.issued_id, DeployStatus.FAILED, now, 1, now, failed
        )
        await deployments.put(engine.db, broken, now)
        assert await drilled(engine, world) == [
            ("a.test", "no CA is asked for it: nobody wants it", True),
            ("b.test", "the last attempt failed: no answer", False),
            ("c.test", "it cannot be installed in files: no room on the disk", True),
        ]


async def test_what_could_not_be_installed_is_told_of_each_target(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    missing = str(tmp_path / "reload")
    in_the_way = TargetSpec("files", {"dir": str(tmp_path / "file" / "certs")}, label="cannot")
    unread = TargetSpec("files", {"dir": str(tmp_path / "new"), "reload": f"{missing} now"}, label="tells nobody")
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("a.test"))
        targets = (*world.intent("a.test").targets, in_the_way, unread)
        await certificates.declare(engine.db, world.intent("a.test", targets=targets), world.clock.now())
        before = await kept(engine.db)
        assert await drilled(engine, world) == [
            ("a.test", f"it could not be installed in cannot: {tmp_path}/file is no folder", True),
            ("a.test", f"it could not be installed in tells nobody: {missing} cannot be run", True),
        ]
        assert await kept(engine.db) == before
    assert not (tmp_path / "new").exists()


async def test_a_challenge_that_is_not_configured_for_a_name_is_told(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("a.test"))
        only = (ChallengeRule("http-01", "webroot", {"root": str(world.webroot)}, match="other.test"),)
        await certificates.declare(engine.db, world.intent("a.test", challenges=only), world.clock.now())
        assert await drilled(engine, world) == [("a.test", "nothing says how a.test is to be proved", True)]


async def test_a_ca_that_does_not_answer_is_told_of_each(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("a.test"))
    async with world.engine() as engine:
        world.ca.fail("directory", Fault.lost(), times=20)
        [(name, what, certain)] = await drilled(engine, world)
    assert (name, certain) == ("a.test", True)
    assert what.startswith("its CA cannot be asked: ")
