"""Certificates that a CA issued: their facts, and apart from those, where scans do not read them, their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import CertificateIssued, CertificateRevoked
from evercert.model.fact import IssuedCertificate
from evercert.store import events
from evercert.store.columns import moment, moment_or_none
from evercert.store.sql import load_queries

if TYPE_CHECKING:  # what only reads the store (a list, a plan) does not pay for X.509
    from evercert.pki.cert import CertificateView

__all__ = [
    "WIDTH",
    "body",
    "ca_of",
    "chain_of",
    "current",
    "from_row",
    "get",
    "history",
    "keep",
    "keep_after",
    "kept",
    "kept_chain",
    "of_number",
    "revoked",
]

_SQL: Final = load_queries("issued")

# So many columns does `from_row` read.
WIDTH: Final = 13


async def get(db: Database, issued_id: int) -> IssuedCertificate | None:
    rows = await db.rows(of_number(issued_id))
    return from_row(rows[0]) if rows else None


def of_number(issued_id: int) -> Statement:
    """The statement whose row, if there is one, `from_row` reads."""
    return _SQL["issued certificate"](id=issued_id)


async def ca_of(db: Database, issued_id: int) -> str:
    """The CA that issued it; empty for one that came from elsewhere."""
    rows = await db.rows(_SQL["ca of issued certificate"](id=issued_id))
    return str(rows[0][0]) if rows else ""


async def current(db: Database, certificate: str) -> IssuedCertificate | None:
    """The one that is to be installed; None if there is none yet."""
    rows = await db.rows(_SQL["current certificate"](certificate=certificate))
    return from_row(rows[0]) if rows else None


async def history(db: Database, certificate: str) -> list[IssuedCertificate]:
    """All that retention has left, newest first."""
    return [from_row(row) for row in await db.rows(_SQL["history"](certificate=certificate))]


async def body(db: Database, issued_id: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The certificate and its issuers, as DER. Raises `not-found`."""
    leaf, chain = await db.read(_SQL["leaf"](id=issued_id), _SQL["chain"](id=issued_id))
    if not leaf:
        raise EvercertError("not-found", f"certificate {issued_id} is not in the store")
    return leaf[0][0], tuple(der for (der,) in chain)


async def keep(
    db: Database,
    certificate: str,
    chain: Sequence[bytes],
    view: CertificateView,
    key_id: int | None,
    *,
    now: datetime,
) -> IssuedCertificate:
    """Afterwards a certificate that came from elsewhere (DER, leaf first) is *certificate*'s current one.

    Raises `conflict` if it has it already.
    """
    return await keep_after(db, kept_chain(chain), kept(certificate, chain, view, now, key_id=key_id))


async def keep_after(db: Database, before: Sequence[Statement], keeping: Sequence[Statement]) -> IssuedCertificate:
    """Afterwards all of that is durable, in one transaction: the certificate that *keeping* (of `kept`) keeps."""
    answers = await db.write(*before, *keeping)
    return from_row(answers[len(before)][0])


def kept(
    certificate: str,
    chain: Sequence[bytes],
    view: CertificateView,
    now: datetime,
    *,
    key_id: int | None,
    issuance_id: int | None = None,
    current: bool = True,
) -> list[Statement]:
    """The statements that keep it, whose chain is kept, and make it *current*; for `keep_after`."""
    which = {"certificate": certificate, "fingerprint": view.fingerprint}
    event = CertificateIssued(
        certificate=certificate,
        serial=view.serial,
        fingerprint=view.fingerprint,
        not_after=view.not_after.isoformat(),
    )
    return [
        _SQL["keep certificate"](
            **which,
            chain=_fingerprint(chain),
            issuance_id=issuance_id,
            key_id=key_id,
            serial=view.serial,
            not_before=to_epoch(view.not_before),
            not_after=to_epoch(view.not_after),
            issuer=view.issuer,
            ari_id=view.ari_id,
            issued_at=to_epoch(now),
            names=" ".join(each.value for each in view.identifiers),
        ).expecting(1),
        _SQL["keep certificate body"](**which, leaf=chain[0]).expecting(1),
        *(
            [_SQL["make certificate current"](**which, issuance_id=issuance_id, now=to_epoch(now)).expecting(1)]
            if current
            else []
        ),
        events.appended(event, now),
    ]


def kept_chain(chain: Sequence[bytes]) -> list[Statement]:
    """The statements that keep the issuers, which many certificates have in common."""
    fingerprint = _fingerprint(chain)
    links = [
        _SQL["keep chain certificate"](fingerprint=fingerprint, position=position, der=der)
        for position, der in enumerate(chain[1:])
    ]
    return [_SQL["keep chain"](fingerprint=fingerprint), *links]


def chain_of(chain: Sequence[bytes]) -> Statement:
    """The statement that returns a row if the issuers are kept."""
    return _SQL["chain of a fingerprint"](fingerprint=_fingerprint(chain))


def _fingerprint(chain: Sequence[bytes]) -> str:
    return sha256(b"".join(chain[1:])).hexdigest()


async def revoked(db: Database, issued_id: int, reason: int, at: datetime) -> None:
    """Afterwards it is known as revoked, and due for replacement if it is in use. Idempotent."""
    certificate = await get(db, issued_id)
    if certificate is None:
        raise EvercertError("not-found", f"certificate {issued_id} is not in the store")
    if certificate.revoked_at is not None:
        return
    event = CertificateRevoked(certificate=certificate.certificate, serial=certificate.serial, reason=reason)
    await db.write(
        _SQL["revoke certificate"](id=issued_id, at=to_epoch(at), reason=reason).expecting(1),
        _SQL["replace revoked certificate"](id=issued_id, now=to_epoch(at)),
        events.appended(event, at),
    )


def from_row(row: Row) -> IssuedCertificate:
    number, certificate, issuance_id, key_id, serial, not_before, not_after, fingerprint = row[:8]
    issuer, ari_id, issued_at, revoked_at, names = row[8:]
    return IssuedCertificate(
        id=number,
        certificate=certificate,
        issuance_id=issuance_id,
        key_id=key_id,
        serial=serial,
        not_before=moment(not_before),
        not_after=moment(not_after),
        fingerprint=fingerprint,
        issuer=issuer,
        ari_id=ari_id,
        issued_at=moment(issued_at),
        revoked_at=moment_or_none(revoked_at),
        names=tuple(names.split()),
    )
