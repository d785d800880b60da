"""What people look at: the list of certificates.

Read for display only; work is planned from `certificates.fact`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.names import Identifier
from evercert.db.protocol import Database, Row
from evercert.model.fact import Failure, LeftOut, Stop
from evercert.model.intent import is_called
from evercert.model.state import State, lacking, stands
from evercert.model.terms import Terms
from evercert.store.columns import from_text, moment, moment_or_none
from evercert.store.sql import load_queries

__all__ = ["Listed", "listed"]

_SQL: Final = load_queries("views")


class _Wanted(msgspec.Struct, frozen=True):
    """The parts of an intent that the list shows; decoding no others is what makes it quick."""

    identifiers: tuple[Identifier, ...]
    ca: str
    targets: tuple[msgspec.Raw, ...] = ()
    terms: Terms = Terms()


class Listed(msgspec.Struct, frozen=True):
    """One line of the list. `ca` is the one that issued the current certificate, else the one that is asked first;
    `failure` is of the last attempt to issue, if that failed."""

    name: str
    identifiers: tuple[Identifier, ...]
    ca: str
    state: State
    issuing: bool
    targets: int
    targets_failed: int
    next_action_at: datetime
    owner: str = ""
    tags: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    retry_at: datetime | None = None
    failure: Failure | None = None
    stopped: Stop | None = None
    left_out: tuple[LeftOut, ...] = ()
    # It has windows or freezes, in which servers are touched or not.
    timed: bool = False


async def listed(
    db: Database,
    now: datetime,
    *,
    match: str = "*",
    states: Collection[State] = (),
    expiring_before: datetime | None = None,
    owner: str = "",
    tag: str = "",
) -> list[Listed]:
    """The certificates by name: those whose name or one of whose identifiers matches the shell pattern,
    in one of the states (any if none is named), expiring before that moment if one is, of that owner and with that
    tag if they are."""
    [rows] = await db.scan(_SQL["list certificates"]())
    lines = [_listed(row, now) for row in rows]
    return [
        line
        for line in lines
        if (match == "*" or is_called(line.name, line.identifiers, match))
        and (not states or line.state in states)
        and (expiring_before is None or (line.not_after is not None and line.not_after < expiring_before))
        and owner in {"", line.owner}
        and (not tag or tag in line.tags)
    ]


_decode_wanted: Final = msgspec.json.Decoder(_Wanted).decode


def _listed(row: Row, now: datetime) -> Listed:
    name, intent, next_action_at, retry_at, failure, issuing, issuer, serial = row[:8]
    not_before, not_after, revoked_at, served, installed, failed, stopped, left_out, names, ca = row[8:]
    wanted = _decode_wanted(intent)
    expires = moment_or_none(not_after)
    return Listed(
        name=name,
        identifiers=wanted.identifiers,
        ca=ca or wanted.ca,
        state=stands(
            now,
            expires=expires,
            revoked=revoked_at is not None,
            targets=len(wanted.targets),
            served=served,
            installed=installed,
        ),
        issuing=bool(issuing),
        targets=len(wanted.targets),
        targets_failed=failed,
        next_action_at=moment(next_action_at),
        owner=wanted.terms.owner,
        tags=wanted.terms.tags,
        issuer=issuer or "",
        serial=serial or "",
        not_before=moment_or_none(not_before),
        not_after=expires,
        retry_at=moment_or_none(retry_at),
        failure=from_text(failure, Failure),
        stopped=from_text(stopped or None, Stop),
        left_out=_left_out(left_out, wanted.terms, names, now) if left_out else (),
        timed=bool(wanted.terms.windows or wanted.terms.freezes),
    )


def _left_out(text: str, terms: Terms, names: str | None, now: datetime) -> tuple[LeftOut, ...]:
    noted = from_text(text, tuple[LeftOut, ...]) or ()
    return tuple(lacking(noted, terms.members, None if names is None else names.split(), now))
