"""What is to be done, as people see it; stops, and attempts that are made again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import CertificateResumed, CertificateStopped
from evercert.model.fact import Cause, DeployStatus, Failure, Stop
from evercert.store import certificates, deployments, events, issuances, issued, tasks
from evercert.store.tasks import TaskState
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

FAILURE = Failure("dns", "no answer", NOW)


async def names(db: Database, state: TaskState | None = None, **asked: object) -> list[str]:
    agenda = await tasks.agenda(db, NOW, state=state, **asked)  # type: ignore[arg-type]  # the call says what it takes
    return [line.fact.intent.name for line in agenda.lines]


async def fleet(db: Database) -> None:
    """One certificate in each state, and one that is due although it failed."""
    for name in ("due", "failed", "late", "waiting", "stopped", "undeployed"):
        await given.declared(db, name)
    for name in ("failed", "waiting", "stopped"):
        await certificates.schedule(db, name, NOW + DAY)
    await certificates.failed(db, "failed", FAILURE, 2, NOW + DAY)
    await certificates.failed(db, "late", FAILURE, 1, NOW)
    await tasks.stop(db, "stopped", "by hand", NOW)
    certificate = await given.issued(db, "undeployed")
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    await certificates.schedule(db, "undeployed", NOW + HOUR)


async def test_each_state_has_its_certificates_and_what_failed_may_be_due_too(db: Database) -> None:
    await fleet(db)
    assert await names(db, TaskState.DUE) == ["due", "late"]
    assert await names(db, TaskState.FAILED) == ["late", "undeployed", "failed"]
    assert await names(db, TaskState.WAITING) == ["undeployed", "failed", "waiting"]
    assert await names(db, TaskState.STOPPED) == ["stopped"]
    assert await names(db, TaskState.RUNNING) == await names(db, TaskState.HELD) == []
    states = {line.fact.intent.name: line.state.value for line in (await tasks.agenda(db, NOW)).lines}
    failed = dict.fromkeys(("failed", "late", "undeployed"), "failed")
    assert states == {"due": "due", "waiting": "waiting", "stopped": "stopped"} | failed


async def test_a_limit_says_that_there_are_more_and_a_pattern_is_about_the_name(db: Database) -> None:
    await fleet(db)
    first = await tasks.agenda(db, NOW, limit=2)
    assert ([line.fact.intent.name for line in first.lines], first.more) == (["due", "late"], True)
    assert not (await tasks.agenda(db, NOW, limit=6)).more
    assert await names(db, match="*ed") == ["stopped", "undeployed", "failed"]
    narrowed = await tasks.agenda(db, NOW, match="*ed", limit=1)
    assert ([line.fact.intent.name for line in narrowed.lines], narrowed.more) == (["stopped"], True)


async def test_a_stopped_certificate_is_due_for_a_look_and_says_why(db: Database) -> None:
    await given.declared(db)
    await certificates.schedule(db, "www", NOW + DAY)
    assert await tasks.stop(db, "www", "it goes round", NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.stopped == Stop("it goes round", NOW)
    assert await certificates.next_action_at(db) == NOW
    assert not await tasks.stop(db, "www", "another reason", NOW + HOUR)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.stopped == Stop("it goes round", NOW)
    latest = await events.latest(db, 2, "www")
    assert latest[0].event == CertificateStopped("www", "it goes round")


async def test_of_many_that_stop_it_at_once_one_does(db: Database) -> None:
    await given.declared(db)
    outcomes = await asyncio.gather(*(tasks.stop(db, "www", str(n), NOW) for n in range(8)), return_exceptions=True)
    assert outcomes.count(True) == 1
    assert all(
        isinstance(each, EvercertError) and each.code.name == "conflict" for each in outcomes if each not in {0, 1}
    )
    assert sum(isinstance(each.event, CertificateStopped) for each in await events.latest(db, 20, "www")) == 1


async def test_a_resumed_one_is_due_and_no_failure_makes_it_wait(db: Database) -> None:
    await given.declared(db)
    await certificates.failed(db, "www", FAILURE, 3, NOW + DAY)
    assert not await tasks.resume(db, "www", NOW)
    await tasks.stop(db, "www", "by hand", NOW)
    assert await tasks.resume(db, "www", NOW + HOUR)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.stopped, fact.retry_at) == (None, None)
    assert await certificates.next_action_at(db) == NOW + HOUR
    assert (await events.latest(db, 1, "www"))[0].event == CertificateResumed("www")


async def test_who_is_not_there_is_neither_stopped_nor_resumed(db: Database) -> None:
    for work in (tasks.stop(db, "nobody", "by hand", NOW), tasks.resume(db, "nobody", NOW)):
        with pytest.raises(EvercertError, match="no such certificate"):
            await work


async def test_a_changed_intent_resumes_nothing(db: Database) -> None:
    await given.declared(db)
    await tasks.stop(db, "www", "by hand", NOW)
    await certificates.declare(db, given.intent(lifetime=3600), NOW)
    await certificates.wake(db, "www", NOW, forced=True)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.stopped == Stop("by hand", NOW)


async def test_all_that_failed_are_due_again_but_for_those_that_are_stopped(db: Database) -> None:
    await fleet(db)
    await tasks.stop(db, "failed", "by hand", NOW)
    assert sorted((await tasks.retry_failed(db, NOW)).due) == ["late", "undeployed"]
    assert sorted(await names(db, TaskState.DUE)) == ["due", "late", "undeployed"]
    fact = await certificates.fact(db, "late")
    assert fact is not None
    assert fact.retry_at is None


class WithSomebodyElse:
    """Keeps the contract of `Database`; once, before the write of that name, somebody else does something."""

    def __init__(self, db: Database, before: str, done: Callable[[], Awaitable[object]]) -> None:
        self._db, self._before, self._done = db, before, done

    async def write(self, *statements: Statement) -> list[list[Row]]:
        if any(each.query.name == self._before for each in statements):
            self._before = ""
            await self._done()
        return await self._db.write(*statements)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


async def test_one_that_is_deleted_meanwhile_keeps_no_other_from_being_tried_again(db: Database) -> None:
    names = ("a", "b", "c", "d")
    for name in names:
        await given.declared(db, name)
        await certificates.failed(db, name, FAILURE, 1, NOW + DAY)

    async def deletes() -> None:
        for name in ("a", "c"):  # the one that is just written, and one of those that come
            await certificates.delete(db, name, NOW)

    shared: Any = WithSomebodyElse(db, "wake certificate", deletes)
    assert await tasks.retry(shared, names, NOW) == (("b", "d"), ("a", "c"))
    assert await tasks.retry_failed(db, NOW) == (("b", "d"), ())


async def test_one_that_is_deleted_meanwhile_keeps_no_other_from_going_on(db: Database) -> None:
    names = ("a", "b", "c", "d")
    for name in names:
        await given.declared(db, name)
    for name in ("a", "b", "c"):
        await tasks.stop(db, name, "by hand", NOW)

    async def deletes() -> None:
        for name in ("a", "c"):
            await certificates.delete(db, name, NOW)

    shared: Any = WithSomebodyElse(db, "resume certificate", deletes)
    assert await tasks.resume_all(shared, names, NOW) == ({"b": True, "d": False}, ("a", "c"))
    assert await tasks.resume_all(db, ["b"], NOW) == ({"b": False}, ())


async def test_who_is_there_is_told_what_keeps_him_from_going_on(db: Database) -> None:
    """Another one's write at the same moment is no deletion."""
    await given.declared(db, "a")
    await tasks.stop(db, "a", "by hand", NOW)

    async def resumes() -> None:
        await tasks.resume(db, "a", NOW)

    shared: Any = WithSomebodyElse(db, "resume certificate", resumes)
    with pytest.raises(EvercertError) as caught:
        await tasks.resume_all(shared, ["a"], NOW)
    assert caught.value.code.name == "conflict"


@pytest.mark.parametrize(("cause", "on_schedule"), [(Cause.DUE, True), (Cause.FIRST, False), (Cause.ASKED, False)])
async def test_it_is_known_whether_a_certificate_came_on_schedule(
    db: Database, cause: Cause, on_schedule: bool
) -> None:
    await given.declared(db)
    begun = await issuances.begin(db, "www", (await given.account(db)).id, None, b"csr", now=NOW, cause=cause)
    placing = await issuances.placing(db, begun)
    ordered = await issuances.ordered(
        db, placing, "https://ca.test/order/1", ca="https://ca.test", adopted=False, now=NOW
    )
    await issuances.issued(db, ordered, given.chain(1), given.view(1), now=NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.on_schedule is on_schedule


async def test_what_came_from_elsewhere_did_not_come_on_our_schedule(db: Database) -> None:
    await given.declared(db)
    await issued.keep(db, "www", given.chain(1), given.view(1), None, now=NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert not fact.on_schedule
