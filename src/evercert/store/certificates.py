"""Certificates: what is wanted of each, what is known of it, and when it needs attention next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal, LiteralString

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import CertificateDeleted, IntentChanged, IssuanceFailed, MemberLeftOut
from evercert.model.fact import CertificateFact, Failure, Hold, Issuance, LeftOut, Stop, Trial, Verdict
from evercert.model.incident import Measures
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.model.terms import CaChoice, OnRemoval, rank_of
from evercert.store import deployments, events, issuances, issued, keys, presented, renewals
from evercert.store.columns import from_text, moment, moment_or_none, to_text
from evercert.store.sql import load_queries

__all__ = [
    "MAKING",
    "WORK",
    "Declared",
    "called",
    "created",
    "declare",
    "delete",
    "fact",
    "facts",
    "failed",
    "fronts",
    "held",
    "leave_out",
    "next_action_at",
    "page",
    "schedule",
    "wake",
    "wanted",
]

_SQL: Final = load_queries("certificates")

# News on this channel: there is work that nobody does yet. Whoever declares a certificate and works on it himself
# brings none, or another would be quicker than he.
WORK: Final[LiteralString] = "work"

Declared = Literal["created", "changed", "unchanged"]

# What a certificate is made of: where one of these differs, only another certificate will do.
MAKING: Final = frozenset(
    {"identifiers", "ca", "account", "key_type", "profile", "preferred_chain", "lifetime", "must_staple", "csr"}
)

# The columns of the view `facts`, group by group: what is the certificate's own, then one or none of each.
_OWN: Final = 18
_ISSUED: Final = _OWN + issued.WIDTH
_OPEN: Final = _ISSUED + issuances.WIDTH
_RIVAL: Final = _OPEN + issuances.WIDTH
_RENEWAL: Final = _RIVAL + renewals.WIDTH


async def declare(db: Database, intent: CertificateIntent, now: datetime, *, digest: str = "") -> Declared:
    """Afterwards that is what is wanted of `intent.name`, and it is due now unless nothing has changed.

    A change of what the certificate is made of forces another one and abandons an issuance
    that is open; a change of targets has those installed again. *digest* stands for what a declaration
    says of it; without one, it is wanted by hand. Raises `conflict` if somebody else declares the same
    name at the same time.
    """
    rows, opened = await db.read(_SQL["intent"](name=intent.name), issuances.open_of(intent.name))
    if not rows:
        return await _create(db, intent, now, digest)
    [(text, known, leaving, left_out, *_)] = rows
    before = _intent(text)
    changed = [field for field in intent.__struct_fields__ if getattr(before, field) != getattr(intent, field)]
    if not changed:
        if leaving or digest not in {"", known}:
            affirmed = _SQL["affirm intent"](name=intent.name, digest=digest, before=text, now=to_epoch(now))
            await db.write(affirmed.expecting(1))
        return "unchanged"
    remade = not MAKING.isdisjoint(changed)
    update = _SQL["change intent"](
        name=intent.name,
        intent=to_text(intent),
        digest=digest,
        before=text,
        forced=int(remade),
        now=to_epoch(now),
        rank=rank_of(intent.terms.criticality),
        left_out=_left_out_text(_still_left_out(_left_out(left_out), before, intent)),
    )
    event = IntentChanged(certificate=intent.name, change=", ".join(changed))
    await db.write(
        update.expecting(1),
        events.appended(event, now),
        *(_abandoned(intent.name, opened, f"the intent changed: {event.change}", now) if remade else ()),
        *_outdated(before, intent, now),
    )
    return "changed"


def wanted(name: str) -> Statement:
    """The statement whose first column is the intent."""
    return _SQL["intent"](name=name)


async def fact(db: Database, name: str) -> CertificateFact | None:
    """All that is known of the certificate, from one snapshot; None if it is not wanted."""
    rows, *others = await db.read(*_known(name))
    return _fact(rows[0], *others) if rows else None


async def page(db: Database, after: str, limit: int) -> list[tuple[CertificateFact, str, str]]:
    """At most *limit* certificates that come after that name, by name, without their deployments and what was left
    behind; of each the CA and the account that the current one was issued by and to, empty where that is not known."""
    [rows] = await db.scan(_SQL["facts after"](after=after, limit=limit))
    return [(_fact(row, (), (), ()), row[_RENEWAL] or "", row[_RENEWAL + 1] or "") for row in rows]


async def facts(db: Database, names: Sequence[str]) -> dict[str, CertificateFact]:
    """The same of many, from one snapshot; those that are not wanted are left out."""
    answers = await db.scan(*(statement for name in names for statement in _known(name)))
    found = zip(names, answers[0::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
    return {name: _fact(rows[0], *others) for name, rows, *others in found if rows}


def _known(name: str) -> tuple[Statement, ...]:
    """The statements whose rows `_fact` reads."""
    of_targets = deployments.of_certificate(name), deployments.before(name)
    return _SQL["fact"](name=name), *of_targets, presented.of_certificate(name)


async def next_action_at(db: Database) -> datetime | None:
    """When something is due next; None if nothing is wanted at all."""
    ((microseconds,),) = await db.rows(_SQL["next action"]())
    return moment_or_none(microseconds)


async def fronts(db: Database) -> list[ChallengeRule]:
    """The rules by which we stand before a live server (tls-alpn-01 by `front`), each once."""
    rules: list[ChallengeRule] = []
    [rows] = await db.scan(_SQL["intents with a front"]())
    for (intent,) in rows:
        rules += (rule for rule in _intent(intent).challenges if rule.solver == "front" and rule not in rules)
    return rules


async def schedule(db: Database, name: str, until: datetime, *, rank: int | None = None) -> bool:
    """Afterwards nothing is due before *until*, then in the order of *rank*, and nobody works on it; False, and it is
    due as it was and whoever works on it goes on, if it was declared or woken since the last call."""
    statement = _SQL["schedule certificate"](name=name, until=to_epoch(until), rank=-1 if rank is None else rank)
    [rows] = await db.write(statement)
    return all(bool(kept) for (kept,) in rows)


async def wake(db: Database, name: str, now: datetime, *, forced: bool = False) -> None:
    """Afterwards it is due, and no earlier failure makes it or its targets wait; if there is no room under a limit
    still, it keeps its place among those that wait, and how often a CA did not answer it stays counted. *forced*: issue
    in any case. Idempotent; raises `not-found`."""
    rows = await db.rows(_SQL["intent"](name=name))
    if not rows:
        raise _not_found(name)
    left_out = _left_out_text([msgspec.structs.replace(each, until=now) for each in _left_out(rows[0][3])])
    woken = _SQL["wake certificate"](
        name=name,
        now=to_epoch(now),
        forced=int(forced),
        left_out=left_out,
        hold=_place_kept(rows[0][4], now),
        trials=_count_kept(rows[0][5], now),
    )
    await db.write(woken.expecting(1), deployments.retried(name, now))


def called(ca: str, now: datetime) -> Statement:
    """The statement after which those that are held at that CA, by a limit of it, are due."""
    # A blank that fits any letter has one looked at too many, and none too few.
    return _SQL["call those that wait for a ca"](held=f'%"ca":"{ca}"%', now=to_epoch(now))


async def failed(
    db: Database,
    name: str,
    failure: Failure,
    failures: int,
    retry_at: datetime,
    trials: Sequence[Trial] = (),
    *also: Statement,
) -> None:
    """Afterwards the failure and what came of each CA are known, and the next attempt is not before *retry_at*; in one
    transaction with what is done *also*."""
    event = IssuanceFailed(certificate=name, code=failure.code, message=failure.message, retry_at=retry_at.isoformat())
    statement = _SQL["certificate failed"](
        name=name,
        failures=failures,
        failure=to_text(failure),
        retry_at=to_epoch(retry_at),
        trials=to_text(trials) if trials else "",
    )
    await db.write(statement.expecting(1), events.appended(event, failure.at), *also)


async def held(
    db: Database, name: str, hold: Hold | None, trials: Sequence[Trial] = (), *also: Statement, lane: str = ""
) -> None:
    """Afterwards it waits for that, until it is issued, woken or changed, or for nothing; in one transaction with what
    came of each CA, and with what is done *also*. No failure. In a *lane* it is called in before (store/lanes.py)."""
    statement = _SQL["hold certificate"](
        name=name, hold=to_text(hold) if hold else "", trials=to_text(trials) if trials else "", lane=lane
    )
    await db.write(statement.expecting(1), *also)


async def leave_out(
    db: Database, name: str, left_out: Sequence[LeftOut], now: datetime, begun: Issuance | None = None
) -> None:
    """Afterwards the certificate goes without these; those among them that failed *now* are told of, and the issuance
    that was *begun* with their names, and is open, is given up."""
    reason = "some of its names failed, and it goes on without them"
    await db.write(
        _SQL["leave members out"](name=name, left_out=_left_out_text(left_out)).expecting(1),
        *(events.appended(_told_of(name, each), now) for each in left_out if each.failure.at == now),
        *(issuances.abandoned(begun, reason, now) if begun else ()),
    )


def _told_of(name: str, left_out: LeftOut) -> MemberLeftOut:
    failure, until = left_out.failure, left_out.until.isoformat()
    return MemberLeftOut(
        certificate=name, member=left_out.member, code=failure.code, message=failure.message, retry_at=until
    )


async def delete(db: Database, name: str, now: datetime) -> None:
    """Afterwards it is not wanted any more, and all that was kept of it, its keys too, is gone; events stay.

    Raises `not-found`, and `conflict` while challenge answers of it stand outside.
    """
    rows, outside, key_ids = await db.read(
        _SQL["intent"](name=name), _SQL["nothing stands outside"](name=name), _SQL["keys of a certificate"](name=name)
    )
    if not rows:
        raise _not_found(name)
    if outside:
        raise EvercertError(
            "conflict",
            f"{len(outside)} challenge answers of it have not been taken away",
            name=name,
            hint=f"let `evercert renew {name}` take them away first",
        )
    # Whoever is told of the event cannot find out any more whose certificate it was.
    terms = msgspec.json.decode(rows[0][0], type=CertificateIntent).terms
    await db.write(
        _SQL["nothing stands outside"](name=name).expecting(0),
        _SQL["delete certificate"](name=name).expecting(1),
        events.appended(CertificateDeleted(name, terms.owner, terms.tags), now),
        *(keys.deleted_if_unused(key_id) for (key_id,) in key_ids),
    )


def created(intent: CertificateIntent, now: datetime, digest: str) -> tuple[Statement, Statement]:
    """The statements that have it wanted for the first time."""
    statement = _SQL["declare certificate"](
        name=intent.name,
        intent=to_text(intent),
        digest=digest,
        now=to_epoch(now),
        rank=rank_of(intent.terms.criticality),
    )
    return statement.expecting(1), events.appended(IntentChanged(certificate=intent.name, change="created"), now)


async def _create(db: Database, intent: CertificateIntent, now: datetime, digest: str) -> Declared:
    await db.write(*created(intent, now, digest))
    return "created"


def _abandoned(name: str, opened: Sequence[Row], reason: str, now: datetime) -> tuple[Statement, ...]:
    """The statements that give up the open issuances that were read; none may have begun since."""
    given_up = (issuances.abandoned(issuances.from_row(row), reason, now) for row in opened)
    return issuances.open_of(name).expecting(len(opened)), *(each for pair in given_up for each in pair)


def _still_left_out(
    left_out: Sequence[LeftOut], before: CertificateIntent, intent: CertificateIntent
) -> Iterator[LeftOut]:
    """Those whose names have not changed: of others nothing is known."""
    old, new = before.terms.members, intent.terms.members
    return (each for each in left_out if each.member in new and old.get(each.member) == new[each.member])


def _place_kept(text: str, now: datetime) -> str:
    """Holds nothing back; says when it would have been its turn."""
    hold = from_text(text or None, Hold)
    if hold is None or hold.in_line or (hold.place or hold.until) <= now:
        return ""
    return to_text(msgspec.structs.replace(hold, until=now, place=hold.place or hold.until))


def _count_kept(text: str, now: datetime) -> str:
    """Holds nothing back; says how often a CA did not answer: the second time is the same whoever asks."""
    trials = from_text(text or None, tuple[Trial, ...]) or ()
    kept = [msgspec.structs.replace(each, until=now) for each in trials if each.verdict is Verdict.OUTAGE]
    return to_text(kept) if kept else ""


def _left_out_text(left_out: Iterable[LeftOut]) -> str:
    kept = tuple(left_out)
    return to_text(kept) if kept else ""


def _outdated(before: CertificateIntent, intent: CertificateIntent, now: datetime) -> Iterator[Statement]:
    """That what is wanted is installed in those that are another place than they were, or have another name, and those
    that are gone are forgotten."""
    wanted = {target.key: target for target in intent.targets}
    known = {target.key for target in before.targets}
    new = [target for target in intent.targets if target.key not in known]
    for target in before.targets:
        if target.key in wanted:
            if wanted[target.key] != target:
                yield deployments.again(intent.name, target.key, now)
        elif same := next((each for each in new if _place(intent, each) == _place(before, target)), None):
            new.remove(same)
            yield from deployments.renamed(intent.name, target.key, same.key, now)
        else:
            yield deployments.removed(intent.name, target.key)


def _place(intent: CertificateIntent, target: TargetSpec) -> tuple[object, ...]:
    """What does not change where a target is only called otherwise."""
    return target.plugin, target.options, intent.terms.installed_as.get(target.key, intent.name)


def _fact(row: Row, placed: Sequence[Row], before: Sequence[Row], left: Sequence[Row]) -> CertificateFact:
    _, _, intent, failures, retry_at, failure, forced, ari_poll_at, created_at = row[:9]
    leaving, hold, stopped, trials, on_schedule, left_out, withdraw_at, incident_id, measures = row[9:_OWN]
    current, opened = row[_OWN:_ISSUED], row[_ISSUED:_OPEN]
    rival, renewal = row[_OPEN:_RIVAL], row[_RIVAL:_RENEWAL]
    return CertificateFact(
        intent=_intent(intent),
        current=None if current[0] is None else issued.from_row(current),
        open_issuance=None if opened[0] is None else issuances.from_row(opened),
        renewal=None if renewal[0] is None else renewals.from_row(renewal),
        ari_poll_at=moment_or_none(ari_poll_at),
        deployments=tuple(map(deployments.from_row, placed)),
        leftovers=tuple(map(presented.from_row, left)),
        failures=failures,
        retry_at=moment_or_none(retry_at),
        failure=from_text(failure, Failure),
        forced=bool(forced),
        created_at=moment(created_at),
        leaving=OnRemoval(leaving) if leaving else None,
        hold=from_text(hold or None, Hold),
        stopped=from_text(stopped or None, Stop),
        trials=from_text(trials or None, tuple[Trial, ...]) or (),
        left_out=_left_out(left_out),
        rival=None if rival[0] is None else issuances.from_row(rival),
        withdraw_at=moment_or_none(withdraw_at),
        incident_id=incident_id,
        incident_ca=_instead(measures),
        on_schedule=bool(on_schedule),
        before=deployments.in_use(before[0]) if before else None,
    )


def _instead(measures: str | None) -> CaChoice | None:
    return msgspec.json.decode(measures, type=Measures).instead if measures else None


def _left_out(text: str) -> tuple[LeftOut, ...]:
    return from_text(text or None, tuple[LeftOut, ...]) or ()


def _intent(text: str) -> CertificateIntent:
    return msgspec.json.decode(text, type=CertificateIntent)


def _not_found(name: str) -> EvercertError:
    return EvercertError("not-found", "there is no such certificate", name=name, hint="see `evercert list`")
