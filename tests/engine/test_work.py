"""What the engine makes of intents, over months and through failures."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.base.message import Request, Response
from evercert.db.protocol import Database, Row, Statement
from evercert.engine.leases import LENGTH, Leases
from evercert.engine.owner import Owner
from evercert.engine.work import Worker
from evercert.model.fact import CertificateFact, DeployStatus, Failure, IssuanceStatus
from evercert.model.intent import ChallengeRule, TargetSpec
from evercert.model.task import Step, Task
from evercert.model.terms import Freeze, Terms
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.simulation.ca.signing import Hierarchy
from evercert.store import certificates, issuances, issued, leases
from tests.engine.world import World
from tests.fakes.ca import Fault

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_declared_certificate_is_issued_installed_and_left_alone(world: World) -> None:
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test", "a.test"))
        assert fact.current is not None
        assert [each.status for each in fact.deployments] == [DeployStatus.INSTALLED]
        [leaf, *_] = split_pem((world.live / "www.a.test" / "fullchain.pem").read_bytes())
        assert read_certificate(leaf).fingerprint == fact.current.fingerprint
        orders = len(world.ca.orders)
        assert await engine.worker.settle_due() == []
        assert len(world.ca.orders) == orders


async def test_no_token_file_stays_in_the_webroot(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
    assert list(world.webroot.rglob("*")) == []


async def test_in_two_years_no_moment_is_without_a_valid_certificate(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        for _ in range(104):
            await world.pass_time(engine, 7 * DAY)
            fact = await world.fact(engine, "www.a.test")
            assert fact.current is not None
            assert fact.current.not_after > world.clock.now()
        history = await issued.history(engine.db, "www.a.test")
        # Ninety days, renewed at two thirds of it: every sixty days, give or take what ARI draws.
        assert 11 <= len(history) <= 15


async def test_a_six_day_certificate_never_lapses_either(tmp_path: Path) -> None:
    world = World(tmp_path, lifetime=timedelta(hours=160))
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        for _ in range(120):
            await world.pass_time(engine, timedelta(hours=12))
            fact = await world.fact(engine, "www.a.test")
            assert fact.current is not None
            assert fact.current.not_after > world.clock.now()


async def test_a_renewal_names_its_predecessor_and_has_a_new_key(world: World) -> None:
    world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
    async with world.engine() as engine:
        before = await world.obtain(engine, world.intent("www.a.test"))
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        after = await world.fact(engine, "www.a.test")
    assert before.current is not None
    assert after.current is not None
    assert after.current.key_id != before.current.key_id
    replaced = [order.replaces for order in world.ca.orders.values() if order.replaces]
    assert replaced == [before.current.ari_id]


async def test_a_home_from_a_backup_renews_what_was_replaced_since(world: World, tmp_path: Path) -> None:
    """The CA lists an order that this home does not know; its certificate is for a key that is gone."""
    home, backup = tmp_path / "home", tmp_path / "backup"
    world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
    shutil.copytree(home, backup, symlinks=True)
    async with world.engine() as engine:
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
    shutil.rmtree(home)
    backup.rename(home)
    async with world.engine() as engine:
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        fact = await world.fact(engine, "www.a.test")
    assert fact.failure is None
    assert fact.current is not None
    assert fact.current.id == 2
    assert [bool(order.replaces) for order in world.ca.orders.values()] == [False, True, False]


async def test_an_order_that_yielded_something_else_is_given_up(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("other.a.test"))
        world.ca.fail("certificate", Fault.refused(ProblemType.UNAUTHORIZED))
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.open_issuance is not None
        other, ordered = list(world.ca.orders)
        world.ca.certificate_of(ordered).chains = world.ca.certificate_of(other).chains
        await certificates.wake(engine.db, "www.a.test", world.clock.now())
        await engine.worker.settle("www.a.test")
        fact = await world.fact(engine, "www.a.test")
        assert fact.failure is not None
        assert (fact.failure.code, fact.open_issuance) == ("bad-certificate", None)
        await world.pass_time(engine, DAY)
        fact = await world.fact(engine, "www.a.test")
    assert fact.current is not None
    assert len(world.ca.orders) == 3


async def test_a_preferred_chain_that_is_not_right_costs_no_certificate(world: World) -> None:
    world.ca.hierarchy = Hierarchy(world.clock.now(), alternates=1)
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("other.a.test"))
        world.ca.fail("certificate", Fault.refused(ProblemType.UNAUTHORIZED))
        await world.obtain(engine, world.intent("www.a.test", preferred_chain="Simulated Root 1"))
        other, ordered = map(world.ca.certificate_of, world.ca.orders)
        ordered.chains[1] = other.chains[1]
        await certificates.wake(engine.db, "www.a.test", world.clock.now())
        await engine.worker.settle("www.a.test")
        fact = await world.fact(engine, "www.a.test")
    assert fact.failure is None
    assert fact.current is not None
    assert len(world.ca.orders) == 2


async def test_of_many_one_that_is_deleted_meanwhile_keeps_no_other_from_being_settled(world: World) -> None:
    async with world.engine() as engine:
        for name in ("a.test", "b.test"):
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
        await certificates.delete(engine.db, "a.test", world.clock.now())
        await engine.worker.settle_all(["a.test", "b.test"])
        assert (await world.fact(engine, "b.test")).current is not None
        with pytest.raises(EvercertError, match="no such certificate"):
            await engine.worker.settle("a.test")


async def test_a_certificate_that_another_process_holds_keeps_no_other_waiting(world: World) -> None:
    async with world.engine() as engine:
        other = Leases(engine.db, world.clock, Owner(world.settings.home, Random(2)))
        for name in ("stopped.a.test", "www.a.test"):
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
        async with other.hold("stopped.a.test"), asyncio.timeout(30):
            await engine.worker.settle_due()
            assert (await world.fact(engine, "www.a.test")).current is not None
            assert (await world.fact(engine, "stopped.a.test")).current is None
        await other.close()
        assert await engine.worker.settle_due() == ["stopped.a.test"]
        assert (await world.fact(engine, "stopped.a.test")).current is not None


@pytest.mark.parametrize("kind", [RuntimeError, EvercertError])
async def test_work_that_breaks_stops_no_other_and_is_left_for_a_while(world: World, kind: type[Exception]) -> None:
    tried: list[str] = []

    async def hand(db: Database, fact: CertificateFact, task: Task) -> bool:
        tried.append(fact.intent.name)
        await asyncio.sleep(0)
        if fact.intent.name == "broken.a.test":
            raise kind("conflict", "it was deleted meanwhile")
        failure = Failure("acme", "not now", world.clock.now())
        await certificates.failed(db, fact.intent.name, failure, 1, world.clock.now() + DAY)
        return True

    async with world.engine() as engine:
        held = Leases(engine.db, world.clock, Owner(world.settings.home, Random(2)))
        worker = Worker(held, world.clock, engine.telling, {Step.ISSUE: hand}, 4)
        for name in ("broken.a.test", "www.a.test"):
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
        assert await worker.settle_due() == ["broken.a.test", "www.a.test"]
        assert await worker.settle_due() == []
        assert tried == ["broken.a.test", "www.a.test"]
        await certificates.wake(engine.db, "www.a.test", world.clock.now())
        with pytest.raises(kind):
            await worker.settle_all(["broken.a.test", "www.a.test"])
        assert tried[2:] == ["broken.a.test", "www.a.test"]
        await held.close()


async def test_a_renewal_that_was_asked_for_leaves_nothing_due(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        assert await engine.worker.settle_due() == []


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (ProblemType.MALFORMED, "the certificate being replaced is another's"),
        (ProblemType.UNAUTHORIZED, "the certificate being replaced is another's"),
        (ProblemType.SERVER_INTERNAL, "could not find an order for the given certificate: no such serial number"),
    ],
)
async def test_a_predecessor_that_the_ca_does_not_take_is_left_out(
    world: World, type_: ProblemType, words: str
) -> None:
    """Boulder's words for one of other names or another account, or that it has no longer; Pebble's for the last."""
    async with world.engine() as engine:
        world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
        await world.obtain(engine, world.intent("www.a.test"))
        world.ca.fail("new-order", Fault.refused(type_, words))
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        fact = await world.fact(engine, "www.a.test")
    assert fact.failure is None
    assert [order.replaces for order in world.ca.orders.values()] == ["", ""]


async def test_a_ca_that_fails_is_told_of_the_predecessor_again(world: World) -> None:
    """Without it the renewal would count against limits that it is exempt from."""
    async with world.engine() as engine:
        world.ca.window = (world.clock.now() + 50 * DAY, world.clock.now() + 55 * DAY)
        before = await world.obtain(engine, world.intent("www.a.test"))
        world.ca.fail("new-order", Fault.refused(ProblemType.SERVER_INTERNAL, "the database is away"))
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        await world.pass_time(engine, DAY)
    assert before.current is not None
    assert [order.replaces for order in world.ca.orders.values()] == ["", before.current.ari_id]


async def test_answers_are_presented_as_they_are_configured_now_not_as_when_they_failed(
    world: World, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("a file where a folder should be")
    rule = ChallengeRule("http-01", "webroot", {"root": str(wrong)})
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test", challenges=(rule,)))
        assert fact.failure is not None
        assert fact.leftovers
        fact = await world.obtain(engine, world.intent("www.a.test"))
    assert fact.failure is None
    assert len(world.ca.orders) == 1


async def test_a_window_that_the_ca_moves_into_the_past_renews_within_hours(world: World) -> None:
    now = world.clock.now()
    world.ca.window = (now + 50 * DAY, now + 55 * DAY)
    async with world.engine() as engine:
        first = await world.obtain(engine, world.intent("www.a.test"))
        await world.pass_time(engine, DAY)
        assert len(world.ca.orders) == 1
        world.ca.window = (now - 2 * DAY, now - DAY)
        await world.pass_time(engine, timedelta(hours=7))
        second = await world.fact(engine, "www.a.test")
    assert first.current is not None
    assert second.current is not None
    assert second.current.id != first.current.id


async def test_a_ca_that_always_wants_a_renewal_at_once_is_not_obeyed_without_end(world: World) -> None:
    now = world.clock.now()
    world.ca.window = (now - 2 * DAY, now - DAY)
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.current is not None
        assert len(world.ca.orders) == 1
        await world.pass_time(engine, 3 * DAY)
    assert len(world.ca.orders) == 4


async def test_a_lost_answer_to_new_order_is_found_again_and_not_ordered_twice(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault.unanswered())
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.current is None
        assert fact.open_issuance is not None
        assert fact.open_issuance.status is IssuanceStatus.PLACING
        await world.pass_time(engine, timedelta(minutes=5))
        fact = await world.fact(engine, "www.a.test")
        assert fact.current is not None
    assert len(world.ca.orders) == 1


async def test_an_order_that_the_ca_lists_and_knows_no_more_is_in_nobodys_way(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault.unanswered())
        await world.obtain(engine, world.intent("www.a.test"))
        [account] = world.ca.accounts.values()
        account.orders.insert(0, f"{world.ca.base}/order/forgotten")
        account.orders.append(f"{world.ca.base}/order/forgotten-too")
        await world.pass_time(engine, timedelta(minutes=5))
        assert (await world.fact(engine, "www.a.test")).current is not None
    assert len(world.ca.orders) == 1


async def test_a_rate_limit_is_waited_out_and_not_knocked_at(world: World) -> None:
    body = b'{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates"}'
    headers = {"content-type": "application/problem+json", "retry-after": str(5 * 3600)}
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault("answered", 429, headers, body))
        fact = await world.obtain(engine, world.intent("www.a.test"))
        asked = world.ca.seen["new-order"]
        assert fact.failure is None
        assert fact.hold is not None
        assert "takes no more orders" in fact.hold.limit
        await world.pass_time(engine, timedelta(hours=4, minutes=50))
        assert world.ca.seen["new-order"] == asked
        await world.pass_time(engine, timedelta(hours=2))
        assert (await world.fact(engine, "www.a.test")).current is not None


async def test_a_name_that_fails_is_tried_again_ever_more_rarely_and_holds_up_nobody(world: World) -> None:
    world.ca.validate = lambda identifier, *_: "no answer" if identifier.value == "bad.a.test" else None
    async with world.engine() as engine:
        for name in ("bad.a.test", "good.a.test"):
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
        await engine.worker.settle_due()
        assert (await world.fact(engine, "good.a.test")).current is not None
        bad = await world.fact(engine, "bad.a.test")
        assert bad.failure is not None
        assert "no answer" in bad.failure.message
        orders = len(world.ca.orders)
        await world.pass_time(engine, 5 * DAY)
        assert len(world.ca.orders) - orders < 60
        assert (await world.fact(engine, "bad.a.test")).failures >= 5
    assert list(world.webroot.rglob("*")) == []


async def test_an_invalid_order_is_given_up_and_another_one_is_placed(world: World) -> None:
    verdicts = iter(["wrong content", None])
    world.ca.validate = lambda *_: next(verdicts)
    async with world.engine() as engine:
        first = await world.obtain(engine, world.intent("www.a.test"))
        assert first.open_issuance is None
        await world.pass_time(engine, timedelta(minutes=2))
        assert (await world.fact(engine, "www.a.test")).current is not None
    assert len(world.ca.orders) == 2


async def test_a_restart_goes_on_with_the_same_order(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("finalize", Fault.lost(), times=10)
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.open_issuance is not None
        assert fact.open_issuance.status is IssuanceStatus.ORDERED
    async with world.engine() as engine:
        await world.pass_time(engine, 2 * DAY)
        fact = await world.fact(engine, "www.a.test")
        assert fact.current is not None
        assert fact.current.issuance_id is not None
        first = await issuances.get(engine.db, fact.current.issuance_id)
        assert first is not None
    assert len(world.ca.orders) == 1


async def test_a_target_that_fails_is_retried_without_another_order(world: World) -> None:
    blocked = world.folder / "blocked"
    blocked.write_text("a file where a folder should be")
    intent = world.intent("www.a.test")
    [target] = intent.targets
    broken = msgspec.structs.replace(target, options={"dir": str(blocked)})
    async with world.engine() as engine:
        fact = await world.obtain(engine, msgspec.structs.replace(intent, targets=(broken,)))
        assert fact.current is not None
        assert fact.deployments[0].status is DeployStatus.FAILED
        blocked.unlink()
        await world.pass_time(engine, timedelta(minutes=5))
        fact = await world.fact(engine, "www.a.test")
        assert fact.deployments[0].status is DeployStatus.INSTALLED
    assert len(world.ca.orders) == 1


async def test_a_target_that_gets_another_name_does_not_lapse_in_a_freeze(world: World) -> None:
    async with world.engine() as engine:
        intent = world.intent("www.a.test")
        await world.obtain(engine, intent)
        [files] = intent.targets
        freeze = Freeze(world.clock.now(), world.clock.now() + 500 * DAY)
        renamed = msgspec.structs.replace(files, label="web")
        changed = msgspec.structs.replace(intent, targets=(renamed,), terms=Terms(freezes=(freeze,)))
        await certificates.declare(engine.db, changed, world.clock.now())
        await world.pass_time(engine, 85 * DAY)
        fact = await world.fact(engine, "www.a.test")
        [deployment] = fact.deployments
        assert fact.current is not None
        assert (deployment.target, deployment.status, deployment.issued_id) == ("web", DeployStatus.INSTALLED, 2)
        assert fact.current.id == 2


async def test_a_certificate_of_many_targets_is_installed_in_all_of_them_at_once(world: World) -> None:
    targets = tuple(
        TargetSpec("files", {"dir": str(world.folder / str(number))}, f"files{number}") for number in range(60)
    )
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test", targets=targets))
        assert [each.status for each in fact.deployments] == [DeployStatus.INSTALLED] * 60
        assert await engine.worker.settle_due() == []


async def test_a_target_that_serves_what_is_about_to_end_is_tried_again_before_that(world: World) -> None:
    """However long the new certificate lives: it is not the one in use there."""
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        world.clock.advance(90 * DAY - timedelta(hours=4))
        home = world.folder / "home" / "live"
        home.rename(world.folder / "aside")
        home.write_text("in the way")
        await engine.worker.settle_due()
        await world.pass_time(engine, timedelta(hours=3))
        home.unlink()
        (world.folder / "aside").rename(home)
        await world.pass_time(engine, timedelta(minutes=30))
        fact = await world.fact(engine, "www.a.test")
        assert fact.current is not None
        assert fact.current.id == 2
        assert [(each.issued_id, each.status) for each in fact.deployments] == [(2, DeployStatus.INSTALLED)]


async def test_two_hundred_certificates_are_settled_side_by_side(world: World) -> None:
    names = [f"n{number}.a.test" for number in range(200)]
    async with world.engine() as engine:
        for name in names:
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
        assert sorted(await engine.worker.settle_due()) == sorted(names)
        for name in names:
            assert (await world.fact(engine, name)).current is not None
    assert len(world.ca.orders) == len(names)
    assert world.ca.seen["directory"] == 1
    assert len(world.ca.accounts) == 1


async def test_an_account_that_the_ca_has_forgotten_is_replaced_by_a_new_one(world: World) -> None:
    async with world.engine() as engine:
        first = await world.obtain(engine, world.intent("www.a.test"))
        world.ca.accounts.clear()
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        await world.pass_time(engine, timedelta(minutes=5))
        second = await world.fact(engine, "www.a.test")
    assert first.current is not None
    assert second.current is not None
    assert second.current.id != first.current.id
    assert len(world.ca.accounts) == 1
    assert any("does not know the account" in line for line in world.told)


@pytest.mark.parametrize(("revoked", "same_key"), [(False, True), (True, False)])
async def test_a_key_is_kept_where_that_is_wanted_but_never_after_a_revocation(
    world: World, revoked: bool, same_key: bool
) -> None:
    async with world.engine() as engine:
        first = await world.obtain(engine, world.intent("www.a.test", reuse_key=True))
        assert first.current is not None
        if revoked:
            await issued.revoked(engine.db, first.current.id, 1, world.clock.now())
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        second = await world.fact(engine, "www.a.test")
    assert second.current is not None
    assert second.current.id != first.current.id
    assert (second.current.key_id == first.current.key_id) is same_key


async def test_an_attempt_that_was_dead_for_longer_than_the_certificate_lived_orders_another(tmp_path: Path) -> None:
    world = World(tmp_path, lifetime=timedelta(hours=160))
    async with world.engine() as engine:
        world.ca.fail("certificate", Fault.lost(), times=10)
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.open_issuance is not None
    world.clock.advance(7 * DAY)
    async with world.engine() as engine:
        await world.pass_time(engine, 2 * DAY)
        fact = await world.fact(engine, "www.a.test")
    assert fact.current is not None
    assert len(world.ca.orders) == 2


async def test_whoever_lost_a_certificate_leaves_what_stands_outside_to_the_next_one(world: World) -> None:
    """Stopped past its lease and going on, in the middle of a validation: the token is the other's now."""
    name, answer = "www.a.test", world.ca.send

    async with world.engine() as engine:

        async def send(request: Request) -> Response:
            if "/challenge/" in request.url:
                later = world.clock.now() + 2 * LENGTH
                assert await leases.claim(engine.db, name, "another", later, later + LENGTH)
            return await answer(request)

        await certificates.declare(engine.db, world.intent(name), world.clock.now())
        world.ca.send = send  # type: ignore[method-assign]
        await engine.worker.settle(name)
        assert len([path for path in world.webroot.rglob("*") if path.is_file()]) == 1
        assert await leases.holder(engine.db, name) == "another"
        fact = await world.fact(engine, name)
        assert (fact.failures, len(fact.leftovers), fact.current) == (0, 1, None)
        world.ca.send = answer  # type: ignore[method-assign]
        await leases.free(engine.db, "another", world.clock.now())
        assert await engine.worker.settle_due() == [name]
        assert (await world.fact(engine, name)).current is not None
        assert len(world.ca.orders) == 1
    assert list(world.webroot.rglob("*")) == []


async def test_who_stays_begins_what_comes_while_something_else_takes_long(world: World) -> None:
    begun: list[str] = []
    may_end, look = asyncio.Event(), asyncio.Event()

    async def hand(db: Database, fact: CertificateFact, task: Task) -> bool:
        begun.append(fact.intent.name)
        if fact.intent.name == "slow.a.test":
            await may_end.wait()
        return False

    async def rest() -> None:
        await look.wait()
        look.clear()

    async with world.engine() as engine:
        held = Leases(engine.db, world.clock, Owner(world.settings.home, Random(2)))
        worker = Worker(held, world.clock, engine.telling, {Step.ISSUE: hand}, 8)
        await certificates.declare(engine.db, world.intent("slow.a.test"), world.clock.now())
        staying = asyncio.create_task(worker.stay(rest))
        await _until(lambda: begun == ["slow.a.test"])
        await certificates.declare(engine.db, world.intent("quick.a.test"), world.clock.now())
        look.set()
        await _until(lambda: begun == ["slow.a.test", "quick.a.test"])
        worker.drain()
        may_end.set()
        look.set()
        await asyncio.wait_for(staying, 20)
        assert await leases.owners(engine.db) == []
        await held.close()


async def test_what_takes_long_holds_no_place_and_nobody_else_up(world: World) -> None:
    begun: list[str] = []
    may_end = asyncio.Event()

    async def hand(db: Database, fact: CertificateFact, task: Task) -> bool:
        begun.append(fact.intent.name)
        if fact.intent.name != "quick.a.test":
            await may_end.wait()
        return False

    async with world.engine() as engine:
        held = Leases(engine.db, world.clock, Owner(world.settings.home, Random(2)))
        worker = Worker(held, world.clock, engine.telling, {Step.ISSUE: hand}, 2, long=0.05)
        for name in ("a.slow.test", "b.slow.test", "quick.a.test"):
            await certificates.declare(engine.db, world.intent(name), world.clock.now())
            world.clock.advance(1)
        working = asyncio.create_task(worker.settle_due())
        await _until(lambda: len(begun) == 3)
        assert begun[-1] == "quick.a.test"
        may_end.set()
        assert sorted(await asyncio.wait_for(working, 20)) == sorted(begun)
        await held.close()


async def test_a_store_that_fails_while_nothing_is_due_is_told_of(world: World) -> None:
    """What the rest between two looks raises, it does not take with it."""

    async def rest() -> None:
        raise EvercertError("store", "the database does not answer")

    async with world.engine() as engine:
        with pytest.raises(EvercertError, match="does not answer"):
            await asyncio.wait_for(engine.worker.stay(rest), 20)


async def test_who_drains_ends_after_the_step_and_what_is_left_is_due(world: World) -> None:
    async with world.engine() as engine:
        issue = engine.worker._hands[Step.ISSUE]

        async def hand(db: Database, fact: CertificateFact, task: Task) -> bool:
            worker.drain()
            return await issue(db, fact, task)

        held = Leases(engine.db, world.clock, Owner(world.settings.home, Random(2)))
        worker = Worker(held, world.clock, engine.telling, {Step.ISSUE: hand}, 8)
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now())
        assert await worker.settle_due() == ["www.a.test"]
        fact = await world.fact(engine, "www.a.test")
        assert fact.current is not None
        assert fact.deployments == ()
        await held.close()
        assert await engine.worker.settle_due() == ["www.a.test"]
        assert len((await world.fact(engine, "www.a.test")).deployments) == 1


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def test_what_the_store_failed_counts_for_nobody_and_is_tried_again_soon(world: World) -> None:
    class Failing:
        """The store, which is away for one of the writes of an attempt."""

        def __init__(self, db: Database) -> None:
            self.away = True
            self._db = db

        def __getattr__(self, name: str) -> object:
            return getattr(self._db, name)

        async def write(self, *statements: Statement) -> list[list[Row]]:
            if self.away and any(each.query.name == "issuance is ordered" for each in statements):
                self.away = False
                raise EvercertError("store", "the connection was lost")
            return await self._db.write(*statements)

    async with world.engine() as engine:
        issue = engine.worker._hands[Step.ISSUE]
        failing: list[Failing] = []

        async def hand(db: Database, fact: CertificateFact, task: Task) -> bool:
            failing.append(Failing(db) if not failing else failing[0])
            return await issue(failing[0] if failing[0].away else db, fact, task)  # type: ignore[arg-type]

        engine.worker._hands[Step.ISSUE] = hand
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now())
        await engine.worker.settle_due()
        fact = await world.fact(engine, "www.a.test")
        assert (fact.current, fact.failures, fact.trials) == (None, 0, ())
        await world.pass_time(engine, timedelta(minutes=1))
        assert (await world.fact(engine, "www.a.test")).current is not None
        assert len(world.ca.orders) == 1
