"""What `evercert tasks` tells and does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError, Exit
from evercert.base.foreign import one_line
from evercert.cli.display import put_off_document, put_off_words, when
from evercert.cli.output import Output
from evercert.cli.store import existing, reading
from evercert.config.settings import Settings
from evercert.engine.installing import put_off
from evercert.engine.plan import plan
from evercert.model.fact import CertificateFact, Failure
from evercert.model.task import Task, Wait
from evercert.store import certificates, tasks
from evercert.store.tasks import Standing, TaskState

__all__ = ["cancel", "resume", "retry", "run", "show"]

_HEADS = ("NAME", "STATE", "AT", "NEXT", "TRIES", "BY", "LAST FAILURE")
_REASON = 500


async def show(output: Output, settings: Settings, state: str | None, match: str, limit: int) -> int:
    """Print the lines that were asked for."""
    now = SystemClock().now()
    async with reading(settings) as db:
        agenda = await tasks.agenda(db, now, state=TaskState(state) if state else None, match=match, limit=limit)
    if not agenda.lines and not output.json:
        output.note("no certificate is like that; see all with `evercert tasks`" if state or match != "*" else "none")
        return 0
    output.table([_document(line, now) for line in agenda.lines], _HEADS, [_cells(line, now) for line in agenda.lines])
    if agenda.more:
        output.note(f"the first {limit}; there are more (--limit)")
    return 0


async def run(output: Output, settings: Settings, names: Sequence[str], *, forced: bool = False) -> int:
    """Do what there is to do for them, or with *forced* renew them, here and now. Raises `stopped`. One that is deleted
    meanwhile keeps nobody else from it, and is a failure."""
    from evercert.cli.outcome import report_outcome
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        for name in names:
            _refuse_stopped(await existing(engine.db, name))
        retried = await tasks.retry(engine.db, names, engine.clock.now(), forced=forced)
        await engine.worker.settle_all(retried.due, by_hand=True)
        left = await certificates.facts(engine.db, retried.due)
        missing = _skipped(output, [name for name in dict.fromkeys(names) if name not in left])
        return await report_outcome(output, engine, [*left]) or missing


async def retry(output: Output, settings: Settings, names: Sequence[str]) -> int:
    """Have them, or where none is named all that failed, tried again by the workers. Raises `stopped`. One that is
    deleted meanwhile keeps nobody else from it, and is a failure only where it was named."""
    now = SystemClock().now()
    async with reading(settings) as db:
        for name in names:
            _refuse_stopped(await existing(db, name))
        retried = await (tasks.retry(db, names, now) if names else tasks.retry_failed(db, now))
        facts = await certificates.facts(db, retried.due if names else [])
    missing = _skipped(output, retried.gone)
    if names:
        waiting = {name: "; ".join(put_off_words(put_off(fact, now))) for name, fact in facts.items()}
        lines = [f"{name}: {waiting.get(name) or 'due now'}" for name in retried.due]
        output.result({"due": retried.due, "skipped": retried.gone}, *lines)
        return missing
    count = len(retried.due)
    output.result(
        {"due": count, "skipped": retried.gone}, f"{count} that failed {'is' if count == 1 else 'are'} due now"
    )
    return Exit.OK.value


async def cancel(output: Output, settings: Settings, name: str, reason: str) -> int:
    """Stop it, then wait until nobody works on it and what was begun is given up."""
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        before = await existing(engine.db, name)
        newly = await tasks.stop(engine.db, name, one_line(reason, _REASON), engine.clock.now())
        await engine.worker.settle(name)
        fact = await existing(engine.db, name)
    given_up = before.open_issuance is not None and fact.open_issuance is None
    order = before.open_issuance.order_url if before.open_issuance and given_up else ""
    words = "stopped" if newly else f"was stopped before ({fact.stopped.reason if fact.stopped else 'and resumed'})"
    left = "; challenge answers are still to be taken away" if fact.leftovers else ""
    output.result(
        {"name": name, "stopped": fact.stopped, "given_up": order or None, "leftovers": len(fact.leftovers)},
        f"{name}: {words}{'; what was begun is given up' if given_up else ''}{left}; "
        f"`evercert tasks resume {name}` lets it go on",
    )
    return 0


async def resume(output: Output, settings: Settings, names: Sequence[str]) -> int:
    """Let them go on. One that is deleted meanwhile keeps nobody else from it, and is a failure."""
    now = SystemClock().now()
    async with reading(settings) as db:
        for name in names:
            await existing(db, name)
        resumed, gone = await tasks.resume_all(db, names, now)
    missing = _skipped(output, gone)
    lines = [f"{name}: {'due now' if was else 'was not stopped'}" for name, was in resumed.items()]
    output.result([{"name": name, "resumed": was} for name, was in resumed.items()], *lines)
    return missing


def _skipped(output: Output, gone: Sequence[str]) -> int:
    """Say who was skipped; the exit status that this is worth."""
    for name in gone:
        output.warn(f"{name}: skipped: it was deleted meanwhile")
    return Exit.NOT_FOUND.value if gone else Exit.OK.value


def _refuse_stopped(fact: CertificateFact) -> None:
    if fact.stopped:
        hint = f"evercert tasks resume {fact.intent.name}"
        raise EvercertError("stopped", f"it is stopped: {fact.stopped.reason}", name=fact.intent.name, hint=hint)


def _document(line: Standing, now: datetime) -> dict[str, object]:
    fact, step = line.fact, plan(line.fact, now)
    return {
        "name": fact.intent.name,
        "state": line.state.value,
        "at": line.next_action_at,
        "next": step.step.value if isinstance(step, Task) else "wait",
        "target": step.target if isinstance(step, Task) and step.target else None,
        "reason": step.reason,
        "put_off": put_off_document(put_off(fact, now)),
        "lease_owner": line.lease_owner or None,
        "lease_until": line.lease_until,
        "failures": _failures(fact),
        "failure": _failure(fact),
        "retry_at": fact.retry_at,
        "hold": fact.hold,
        "stopped": fact.stopped,
    }


def _cells(line: Standing, now: datetime) -> tuple[str, ...]:
    fact = line.fact
    failure = _failure(fact)
    return (
        fact.intent.name,
        line.state.value,
        when(_at(line)),
        _next(fact, now),
        str(_failures(fact) or "-"),
        line.lease_owner or "-",
        f"{when(failure.at)}: {failure.message}" if failure else "-",
    )


def _at(line: Standing) -> datetime:
    """Since when it is stopped, until when somebody says that he works on it, or else when it is due."""
    if line.fact.stopped:
        return line.fact.stopped.at
    return line.lease_until if line.state is TaskState.RUNNING and line.lease_until else line.next_action_at


def _next(fact: CertificateFact, now: datetime) -> str:
    step = plan(fact, now)
    if isinstance(step, Wait):
        told = put_off_words(put_off(fact, now))
        # What is waited for first is something else, perhaps.
        return "; ".join(told if step.reason.startswith("installing it in ") else [step.reason, *told])
    return f"{step.step.value}{f' to {step.target}' if step.target else ''}: {step.reason}"


def _failures(fact: CertificateFact) -> int:
    """How often in a row it was tried in vain: to issue, or the most at one of its targets."""
    return max(fact.failures, *(each.failures for each in fact.deployments), 0)


def _failure(fact: CertificateFact) -> Failure | None:
    """The last one, if what it is about has not been done since."""
    if fact.failure and fact.failures:
        return fact.failure
    return next((each.failure for each in fact.deployments if each.failure), None)
