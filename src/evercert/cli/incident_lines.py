"""Incidents as people read them, and as scripts do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from evercert.cli.display import counted, span, when
from evercert.engine.incident.drill import Hindrance
from evercert.engine.incident.outlook import Outlook
from evercert.model.incident import Incident, IncidentState, Measures
from evercert.pki.reasons import SUBSCRIBERS
from evercert.store.incidents import Trouble, Wave

__all__ = [
    "TROUBLES",
    "ends_at",
    "hindrance_lines",
    "incident_document",
    "incident_lines",
    "left",
    "outlook_document",
    "outlook_lines",
    "progress",
    "trouble_lines",
]

# So many failures are told one by one, and so many CAs and owners by name.
TROUBLES = 20
_NAMED = 10

# Before that many certificates are done, their pace says nothing.
_PACE = 5


def ends_at(incident: Incident, waves: Sequence[Wave], now: datetime) -> datetime | None:
    """When it is over if it goes on at the pace of so far; None where that says nothing yet."""
    done, rest = sum(wave.done + wave.revoking + wave.replaced for wave in waves), left(waves)
    if incident.state is not IncidentState.OPEN or done < _PACE or not rest:
        return None
    return now + (now - incident.opened_at) / done * rest


def left(waves: Sequence[Wave]) -> int:
    return sum(wave.waiting + wave.replacing + wave.replaced + wave.revoking for wave in waves)


def progress(waves: Sequence[Wave]) -> str:
    done, failed = sum(wave.done for wave in waves), sum(wave.failed for wave in waves)
    return f"{done} of {left(waves) + done + failed}"


def incident_document(incident: Incident, waves: Sequence[Wave]) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(incident)
    return document | {"waves": waves}


def incident_lines(incident: Incident, waves: Sequence[Wave], over_at: datetime | None) -> Iterator[str]:
    measures = incident.measures
    yield f"incident {incident.id}: {incident.state.value}" + (f", {incident.stalled}" if incident.stalled else "")
    if incident.reason:
        yield f"  reason      {incident.reason}"
    yield f"  opened      {when(incident.opened_at)}" + (
        f", closed {when(incident.closed_at)}" if incident.closed_at else ""
    )
    yield f"  meant       {_meant(incident)}"
    if measures.to_ca:
        yield f"  asked of    {_asked_of(measures)}"
    yield f"  revoked     {_revoked(measures)}"
    yield f"  done        {progress(waves)}"
    if over_at:
        late = " (after the deadline)" if measures.deadline and over_at > measures.deadline else ""
        yield f"  over        about {when(over_at)} at this pace{late}"
    if measures.deadline:
        yield f"  deadline    {when(measures.deadline)}"
    for wave in waves:
        yield f"  wave {wave.number:<6} {_wave_words(wave)}"


def _meant(incident: Incident) -> str:
    said = msgspec.to_builtins(incident.selection)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items() if value)


def _asked_of(measures: Measures) -> str:
    return f"{measures.to_ca}, by account {measures.to_account}, before those that are declared"


def _revoked(measures: Measures) -> str:
    if measures.revoke is None:
        return "no"
    reason = next(word for word, number in SUBSCRIBERS.items() if number == measures.revoke)
    return f"{reason}, {'before they are replaced' if measures.revoke_first else 'once the replacement is installed'}"


def _wave_words(wave: Wave) -> str:
    parts = (
        (wave.done, "done"),
        (wave.revoking, "to be revoked"),
        (wave.replaced - wave.unplaced, "to be installed"),
        (wave.unplaced, "could not be installed"),
        (wave.replacing - wave.failing - wave.held, "being replaced"),
        (wave.held, "wait for a limit"),
        (wave.failing, "could not be replaced yet"),
        (wave.failed, "given up"),
        (wave.waiting, "waiting"),
    )
    return ", ".join(f"{count} {words}" for count, words in parts if count)


def trouble_lines(troubles: Sequence[Trouble], waves: Sequence[Wave]) -> Iterator[str]:
    for each in troubles:
        again = f"; again {when(each.retry_at)}" if each.retry_at else ""
        yield f"  {each.certificate} (wave {each.wave}): {each.what or each.stage.value}{again}"
        if each.hint:
            yield f"      {each.hint}"
    more = sum(wave.failing + wave.held + wave.unplaced + wave.failed for wave in waves) - len(troubles)
    if more > 0:
        yield f"  and {more} more"


def outlook_document(outlook: Outlook, measures: Measures) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(outlook)
    late = measures.deadline is not None and outlook.ends_at > measures.deadline
    return document | {"deadline": measures.deadline, "in_time": not late, "to_ca": measures.to_ca}


def outlook_lines(outlook: Outlook, measures: Measures, now: datetime) -> Iterator[str]:
    waves = counted(len(outlook.waves), "wave")
    yield f"{counted(outlook.certificates, 'certificate')}, {outlook.replaced:,} to replace in {waves}"
    kinds = (("of CA", outlook.by_ca), ("criticality", outlook.by_criticality), ("owner", outlook.by_owner))
    for head, counts in kinds:
        yield from (f"  {head:<12}{name or '-'}: {count}" for name, count in list(counts.items())[:_NAMED])
    if measures.to_ca:
        yield f"  asked of    {_asked_of(measures)}"
    remarks = (
        (outlook.superseded, "are replaced already, and only to be revoked"),
        (outlook.needs_request, "came of requests from outside, with their keys: only their owners can give new ones"),
        (outlook.unplaced, "are installed by nobody that Evercert knows: whether a replacement is in use is not seen"),
        (outlook.exempt, "count for no limit, because their CA asks for their renewal (ARI)"),
    )
    yield from (f"  {count} {words}" for count, words in remarks if count)
    yield from _limit_lines(outlook, measures, now)


def _limit_lines(outlook: Outlook, measures: Measures, now: datetime) -> Iterator[str]:
    if outlook.ends_at <= now:
        yield "  the limits that are known of the CAs have room for all of them at once"
    for each in outlook.narrow:
        host = each.ca.partition("://")[2].partition("/")[0]
        yield (
            f"  {each.limit} at {host} ({each.subject}): {each.need} needed, room for {each.room} now,"
            f" for all {when(each.ends_at)} ({span(each.ends_at - now)})"
        )
    if measures.deadline is not None:
        late = outlook.ends_at - measures.deadline
        short = f"too short by {span(late)}: ask the CA for an override"
        fits = short if late > timedelta() else "long enough for the limits"
        yield f"  the deadline, {when(measures.deadline)}, is {fits}"


def hindrance_lines(found: Sequence[Hindrance], certain: int) -> Iterator[str]:
    yield f"{certain} of them would fail" if certain else "nothing is known that would stop any of them"
    for each in found[:TROUBLES]:
        yield f"  {each.certificate}: {each.what}"
        if each.hint:
            yield f"      {each.hint}"
    if len(found) > TROUBLES:
        yield f"  and {len(found) - TROUBLES} more"
