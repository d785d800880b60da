"""Hooks as commands show them, and what is done with one by hand."""

from __future__ import annotations

import msgspec

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.cli.display import when
from evercert.cli.output import Output
from evercert.cli.store import reading
from evercert.config.declaration.faults import nearest
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.store import hooks
from evercert.store.hooks import Standing

__all__ = ["retry", "show", "test"]

_HEADS = ("NAME", "EVENTS", "TELLS", "TOLD UP TO", "BEHIND", "NEXT ATTEMPT", "LAST FAILURE")


async def show(output: Output, settings: Settings) -> int:
    async with reading(settings) as db:
        standings = await hooks.all_hooks(db)
    if standings or output.json:
        output.table([_document(each) for each in standings], _HEADS, [_cells(each) for each in standings])
    else:
        output.result([], "there is no hook; write a [hooks.NAME] in evercert.toml (docs/events.md)")
    return 0


async def test(output: Output, settings: Settings, name: str) -> int:
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        hook = (await _existing(engine.db, name)).hook
        await engine.notifying.test(hook)
    output.result({"hook": name, "taken": True}, f"{name}: it took the sample")
    return 0


async def retry(output: Output, settings: Settings, name: str, skip: bool) -> int:
    async with reading(settings) as db:
        await _existing(db, name)
        passed = await _passed_over(db, name) if skip else None
        await hooks.retry(db, name)
    words = f"{name}: told again by `evercert run`" + (f", without event {passed}" if passed else "")
    output.result({"hook": name, "passed_over": passed}, words)
    return 0


async def _passed_over(db: Database, name: str) -> int:
    try:
        return await hooks.pass_over(db, name, SystemClock().now())
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        hint = "see `evercert hooks list`"
        raise EvercertError(
            "conflict", "it has not refused an event, or is being told now", name=name, hint=hint
        ) from None


async def _existing(db: Database, name: str) -> Standing:
    standing = await hooks.find(db, name)
    if standing is None:
        names = [each.hook.name for each in await hooks.all_hooks(db)]
        hint = nearest(name, names) or "declare it and say `evercert apply` first"
        raise EvercertError("not-found", "there is no hook of that name", name=name, hint=hint)
    return standing


def _document(standing: Standing) -> dict[str, object]:
    return {
        "name": standing.hook.name,
        "definition": msgspec.structs.replace(standing.hook, url=standing.hook.shown_url),
        "event_id": standing.event_id,
        "behind": standing.behind,
        "failures": standing.failures,
        "failure": standing.failure,
        "retry_at": standing.retry_at,
        "failing_since": standing.failing_since,
        "given_up_at": standing.given_up_at,
    }


def _cells(standing: Standing) -> tuple[str, ...]:
    hook, failure = standing.hook, standing.failure
    return (
        hook.name,
        " ".join(hook.events),
        hook.shown_url or hook.program[0],
        str(standing.event_id),
        str(standing.behind),
        f"given up {when(standing.given_up_at)}" if standing.given_up_at else when(standing.retry_at),
        f"{failure.message} ({standing.failures} in a row)" if failure else "-",
    )
