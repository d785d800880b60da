"""What `incident` does once its options are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError, Exit
from evercert.base.foreign import one_line
from evercert.cli.display import counted, when
from evercert.cli.frame import confirm
from evercert.cli.incident_lines import (
    TROUBLES,
    ends_at,
    hindrance_lines,
    incident_document,
    incident_lines,
    left,
    outlook_document,
    outlook_lines,
    progress,
    trouble_lines,
)
from evercert.cli.output import Output
from evercert.cli.selecting import measures_from, selection_from
from evercert.cli.store import reading
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.engine.incident.deciding import failing, under_way
from evercert.engine.incident.drill import Drill
from evercert.engine.incident.opening import open_incident, outlook, survey
from evercert.engine.wiring import Engine, open_engine
from evercert.model.incident import Incident, IncidentState, Measures, Selection
from evercert.net.dns import DnsResolver
from evercert.store import certificates, incidents

__all__ = ["cancel", "drill", "list_", "open_", "pause", "plan", "resume", "run", "show"]

_REASON = 500

# How often a foreground run looks whether others have got further.
_LOOK = timedelta(seconds=2)


async def plan(output: Output, settings: Settings, given: dict[str, Any]) -> int:
    now = SystemClock().now()
    selection, measures = _meant(output, settings, given, now)
    async with reading(settings) as db:
        seen = await outlook(db, await survey(db, selection, measures, now))
    output.result(outlook_document(seen, measures), *outlook_lines(seen, measures, now))
    return Exit.OK.value


async def open_(output: Output, settings: Settings, given: dict[str, Any], reason: str, yes: bool) -> int:
    now = SystemClock().now()
    selection, measures = _meant(output, settings, given, now)
    async with reading(settings) as db:
        if not yes:
            seen = await outlook(db, await survey(db, selection, measures, now))
            for line in outlook_lines(seen, measures, now):
                output.note(line)
        confirm(yes, _question(measures))
        number = await open_incident(db, selection, measures, one_line(reason, _REASON), now)
        db.notify(certificates.WORK)
        waves = await incidents.waves(db, number)
    count = sum(wave.waiting + wave.failed for wave in waves)
    words = f"incident {number} is open: {counted(count, 'certificate')} in {counted(len(waves), 'wave')}"
    output.result(
        {"incident": number, "certificates": count, "waves": len(waves)},
        f"{words}; `evercert run` carries it through, or here: evercert incident run {number}",
    )
    return Exit.OK.value


async def drill(output: Output, settings: Settings, given: dict[str, Any]) -> int:
    now = SystemClock().now()
    selection, measures = _meant(output, settings, given, now)
    async with open_engine(settings, output.progress) as engine:
        tally = await survey(engine.db, selection, measures, now)
        seen = await outlook(engine.db, tally)
        found = await Drill(engine, DnsResolver(settings.resolvers), measures).hindrances(tally.names)
    certain = {each.certificate for each in found if each.is_certain}
    document = outlook_document(seen, measures) | {"hindrances": found, "would_fail": len(certain)}
    output.result(document, *outlook_lines(seen, measures, now), *hindrance_lines(found, len(certain)))
    return Exit.FAILED.value if certain or seen.needs_request else Exit.OK.value


async def list_(output: Output, settings: Settings) -> int:
    async with reading(settings) as db:
        found = await incidents.listed(db)
        waves = [await incidents.waves(db, each.id) for each in found]
    if not found and not output.json:
        output.note("no incidents; open one with `evercert incident open`, and see `evercert incident plan --help`")
        return Exit.OK.value
    rows = [
        (str(each.id), each.state.value, when(each.opened_at), progress(each_waves), each.reason or "-")
        for each, each_waves in zip(found, waves, strict=True)
    ]
    documents = [incident_document(each, each_waves) for each, each_waves in zip(found, waves, strict=True)]
    output.table(documents, ("INCIDENT", "STATE", "OPENED", "DONE", "REASON"), rows)
    return Exit.OK.value


async def show(output: Output, settings: Settings, number: int) -> int:
    async with reading(settings) as db:
        await _show(output, db, number)
    return Exit.OK.value


async def pause(output: Output, settings: Settings, number: int) -> int:
    async with reading(settings) as db:
        await _in_state(db, number, IncidentState.OPEN)
        await incidents.pause(db, number, SystemClock().now())
    output.result({"incident": number, "state": "paused"}, f"incident {number} is paused; orders that were begun go on")
    return Exit.OK.value


async def resume(output: Output, settings: Settings, number: int) -> int:
    async with reading(settings) as db:
        incident = await _in_state(db, number, IncidentState.OPEN, IncidentState.PAUSED)
        if incident.state is IncidentState.OPEN and not incident.stalled:
            raise EvercertError("conflict", f"incident {number} goes on already")
        tolerated = failing(await incidents.waves(db, number))
        await incidents.resume(db, number, tolerated)
    words = f"incident {number} goes on" + (f", although {tolerated} fail" if tolerated else "")
    output.result({"incident": number, "state": "open", "tolerated": tolerated}, words)
    return Exit.OK.value


async def cancel(output: Output, settings: Settings, number: int, yes: bool) -> int:
    async with reading(settings) as db:
        await _in_state(db, number, IncidentState.OPENING, IncidentState.OPEN, IncidentState.PAUSED)
        waves = await incidents.waves(db, number)
        confirm(yes, f"Give up the {left(waves)} certificates of incident {number} that are not done?")
        outcome = f"cancelled with {progress(waves)} done"
        await incidents.close(db, number, IncidentState.CANCELLED, outcome, SystemClock().now())
    output.result({"incident": number, "state": "cancelled"}, f"incident {number} is {outcome}")
    return Exit.OK.value


async def run(output: Output, settings: Settings, number: int) -> int:
    async with open_engine(settings, output.progress) as engine:
        while await _goes_on(engine, number):
            moved = await engine.incidents.advance(number)
            if not await engine.worker.settle_due() and not moved:
                await engine.clock.sleep(_LOOK.total_seconds())
        incident = await _show(output, engine.db, number)
        failed = sum(wave.failed for wave in await incidents.waves(engine.db, number))
    return Exit.OK.value if incident.state is IncidentState.DONE and not failed else Exit.FAILED.value


async def _goes_on(engine: Engine, number: int) -> bool:
    """Whether it is open and anything is left that may succeed soon."""
    incident = await incidents.get(engine.db, number)
    waves = await incidents.waves(engine.db, number)
    if incident.state is not IncidentState.OPEN or incident.stalled:
        return False
    moves = any(wave.waiting or wave.revoking or wave.held or under_way(wave) for wave in waves)
    return moves or not failing(waves)


def _question(measures: Measures) -> str:
    if measures.revoke is None:
        return "Replace them?"
    return "Revoke them, and then replace them?" if measures.revoke_first else "Replace them, and then revoke them?"


def _meant(output: Output, settings: Settings, given: dict[str, Any], now: datetime) -> tuple[Selection, Measures]:
    """From the options by their names."""
    return selection_from(given, settings, now, output.warn), measures_from(given, settings, now, output.warn)


async def _in_state(db: Database, number: int, *states: IncidentState) -> Incident:
    """The incident; raises `conflict` where it is in none of these states."""
    incident = await incidents.get(db, number)
    if incident.state not in states:
        raise EvercertError("conflict", f"incident {number} is {incident.state.value}")
    return incident


async def _show(output: Output, db: Database, number: int) -> Incident:
    now = SystemClock().now()
    incident, waves = await incidents.get(db, number), await incidents.waves(db, number)
    troubles = await incidents.troubles(db, number, TROUBLES)
    over_at = ends_at(incident, waves, now)
    document = incident_document(incident, waves) | {"troubles": troubles, "ends_at": over_at}
    output.result(document, *incident_lines(incident, waves, over_at), *trouble_lines(troubles, waves))
    return incident
