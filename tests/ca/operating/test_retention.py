"""Retention (step-ca 473 and 159: databases of 40 and 309 GB, because nothing ever went)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from evercert.ca.operating import auditing
from evercert.ca.operating.office import Office
from evercert.ca.retention import Keeping, Retention
from evercert.pki.cert import read_certificate
from tests.ca.given import World, a_ca
from tests.ca.protocol.test_certificates import csr_for, info_url, issued, ready
from tests.ca.protocol.wire import Wire, header, kind_of, read


async def test_what_is_over_goes_and_what_lives_stays(world: World, wire: Wire, office: Office) -> None:
    der = await issued(world, wire, "www.example.test")
    order = await wire.order("never-proved.example.test")
    keeping = Keeping(office.db, world.clock)
    assert (await keeping.prune()).orders == 0
    world.clock.advance(timedelta(days=30))
    wire.forget()
    pruned = await keeping.prune()
    assert (pruned.orders, pruned.authorizations, pruned.certificates) == (2, 2, 0)
    assert (await wire.post(header(order, "location"))).status == 404
    assert (await wire.get(info_url(der))).status == 200
    world.clock.advance(timedelta(days=200))
    wire.forget()
    assert (await keeping.prune()).certificates == 1
    assert (await wire.get(info_url(der))).status == 404
    assert (await wire.post(wire.kid)).status == 200


async def test_the_audit_is_proved_behind_what_went(world: World, wire: Wire, office: Office) -> None:
    for number in range(3):
        await issued(world, wire, f"n{number}.example.test")
    world.clock.advance(timedelta(days=500))
    wire.forget()
    await issued(world, wire, "new.example.test")
    before = await auditing.verify(office.db)
    await Keeping(office.db, world.clock).prune()
    after = await auditing.verify(office.db)
    assert after.records < before.records
    assert (after.id, after.hash) == (before.id, before.hash)


async def test_a_dead_order_that_goes_lets_another_replace(world: World, wire: Wire, office: Office) -> None:
    replaces = read_certificate(await issued(world, wire, "www.example.test")).ari_id
    await wire.order("www.example.test", "gone.example.test", replaces=replaces)
    world.clock.advance(timedelta(days=20))
    wire.forget()
    await Keeping(office.db, world.clock).prune()
    order = await ready(world, wire, "www.example.test", replaces=replaces)
    await wire.post(order["finalize"], csr_for("www.example.test"))
    world.clock.advance(timedelta(days=20))
    wire.forget()
    await Keeping(office.db, world.clock).prune()
    again = await wire.order("www.example.test", "b.example.test", replaces=replaces)
    assert kind_of(again) == "alreadyReplaced"


async def test_the_file_is_as_small_as_its_content_again(tmp_path: Path) -> None:
    """1,000 orders here; `python -m bench --only ca-retention` does 100,000."""
    async with a_ca(tmp_path / "ca") as world:
        wire = Wire(world.node.site)
        await wire.register()
        for number in range(1000):
            assert read(await wire.order(f"n{number}.example.test"))["status"] == "pending"
        world.clock.advance(timedelta(days=30))
        db = world.node.desk.db
        await Keeping(db, world.clock, Retention(audit=timedelta(days=1))).prune()
    assert await compact(tmp_path / "ca" / "ca.db") < 1.1


async def compact(file: Path) -> float:
    """How many times as large the file is as a copy that holds nothing but its content."""
    import apsw

    connection = apsw.Connection(str(file))
    connection.execute("VACUUM INTO ?", (str(file.with_suffix(".copy")),))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file.stat().st_size / file.with_suffix(".copy").stat().st_size
