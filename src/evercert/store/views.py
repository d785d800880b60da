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
from evercert.model.fact import CertificateFact, Failure, Hold, IssuedCertificate, LeftOut, Renewal, Stop
from evercert.model.intent import CertificateIntent, RenewPolicy, is_called
from evercert.model.state import State, lacking, stands
from evercert.model.terms import Terms
from evercert.store.columns import from_text, moment, moment_or_none
from evercert.store.sql import load_queries

__all__ = ["Listed", "listed"]

_SQL: Final = load_queries("views")


class _Wanted(msgspec.Struct, frozen=True):
    """The parts of an intent that the list shows or reckons with; decoding no others is what makes it quick."""

    identifiers: tuple[Identifier, ...]
    ca: str
    targets: tuple[msgspec.Raw, ...] = ()
    renew: RenewPolicy = RenewPolicy()
    terms: Terms = Terms()


class Listed(msgspec.Struct, frozen=True):
    """One line of the list. `ca` is the one that issued the current certificate, else the one that is asked first;
    `failure` is of the last attempt to issue, if that failed, and `deploy_failure` of the last one to install it, in
    one of the `targets_failed`; `deploy_retry_at` is when the first of these is tried again. `targets_done` have the
    current certificate; where it is not tried yet, they are in neither count."""

    name: str
    identifiers: tuple[Identifier, ...]
    ca: str
    state: State
    issuing: bool
    targets: int
    targets_done: int
    targets_failed: int
    next_action_at: datetime
    # As much of what is known as it takes to say when it is renewed: nothing of its targets, nor of what is begun.
    fact: CertificateFact
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
    failures: int = 0
    deploy_failure: Failure | None = None
    deploy_retry_at: datetime | None = None
    hold: Hold | None = None
    # It is to be issued although it is not due: somebody asked for it, or an incident replaces it.
    called_for: bool = False

    @property
    def failing(self) -> Failure | None:
        """Why the last attempt to issue it or to install it failed, if one did."""
        return self.failure if self.failure and self.failures else self.deploy_failure


async def listed(
    db: Database,
    now: datetime,
    *,
    match: str = "*",
    states: Collection[State] = (),
    expiring_before: datetime | None = None,
    owner: str = "",
    tag: str = "",
    failing: bool = False,
) -> list[Listed]:
    """The certificates by name: those whose name or one of whose identifiers matches the shell pattern,
    in one of the states (any if none is named), expiring before that moment if one is, of that owner and with that
    tag if they are; with *failing*, those of which the last attempt failed."""
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
        and (not failing or line.failing)
    ]


_decode_wanted: Final = msgspec.json.Decoder(_Wanted).decode


def _listed(row: Row, now: datetime) -> Listed:
    name, intent, next_action_at, retry_at, failure, issuing, issuer, serial = row[:8]
    not_before, not_after, revoked_at, served, installed, failed, stopped, left_out, names, ca = row[8:18]
    deploy_failure, deploy_retry_at, failures, hold, called_for = row[18:23]
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
        targets_done=served + installed,
        targets_failed=failed,
        next_action_at=moment(next_action_at),
        fact=_fact(name, wanted, row),
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
        failures=failures,
        deploy_failure=from_text(deploy_failure, Failure),
        deploy_retry_at=moment_or_none(deploy_retry_at),
        hold=from_text(hold or None, Hold),
        called_for=bool(called_for),
    )


def _fact(name: str, wanted: _Wanted, row: Row) -> CertificateFact:
    not_before, not_after, revoked_at = row[8:11]
    on_schedule, number, issuance_id, drawn, window_end = row[23:]
    current = None
    if not_before is not None:
        begins = moment(not_before)
        current = IssuedCertificate(
            id=number,
            certificate=name,
            issuance_id=issuance_id,
            key_id=None,
            serial=row[7],
            not_before=begins,
            not_after=moment(not_after),
            fingerprint="",
            issuer=row[6],
            ari_id="",
            issued_at=begins,
            revoked_at=moment_or_none(revoked_at),
        )
    return CertificateFact(
        CertificateIntent(name, wanted.identifiers, wanted.ca, renew=wanted.renew, terms=wanted.terms),
        current=current,
        renewal=None if drawn is None else _renewal(moment(drawn), moment(window_end)),
        on_schedule=bool(on_schedule),
    )


def _renewal(drawn: datetime, window_end: datetime) -> Renewal:
    """As much of what the CA suggests as decides on the moment."""
    return Renewal(window_start=drawn, window_end=window_end, moment=drawn, poll_at=drawn)


def _left_out(text: str, terms: Terms, names: str | None, now: datetime) -> tuple[LeftOut, ...]:
    noted = from_text(text, tuple[LeftOut, ...]) or ()
    return tuple(lacking(noted, terms.members, None if names is None else names.split(), now))
