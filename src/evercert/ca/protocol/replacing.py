"""Certificates and the orders that replace them (RFC 9773): identifiers, predecessors, windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from evercert.acme.jose import b64url, unb64url
from evercert.acme.problem import Problem, ProblemType
from evercert.base.serving import Answer
from evercert.ca.nouns import Certificate, Order
from evercert.ca.protocol.answers import json_answer, moment, retry_after
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import Signed
from evercert.ca.store import certificates

__all__ = ["predecessor_of", "renewal_info", "window_of"]

# Let's Encrypt's: two thirds into a life, half of one that is short; two hundredths of it wide.
_SHORT: Final = timedelta(days=10)
_POLL: Final = timedelta(hours=6)
_LEAST_POLL: Final = timedelta(minutes=1)


async def predecessor_of(desk: Desk, signed: Signed, order: Order) -> Certificate:
    """The certificate that the order's `replaces` names, if this order may replace it (RFC 9773 §5)."""
    found = await _known(desk, order.replaces)
    if found is None:
        raise Problem(ProblemType.MALFORMED, "there is no such certificate to replace")
    if found.account_id != signed.account.id:
        raise Problem(ProblemType.UNAUTHORIZED, "the certificate to replace is another account's")
    if not set(found.identifiers) & set(order.identifiers):
        raise Problem(ProblemType.MALFORMED, "the order has no identifier in common with the certificate to replace")
    return found


async def renewal_info(desk: Desk, ari_id: str) -> Answer:
    """When to renew the certificate, for whoever asks (RFC 9773 §4). Raises `malformed`, 404 where there is none."""
    found = await _known(desk, ari_id)
    if found is None:
        raise Problem(ProblemType.MALFORMED, "there is no such certificate", status=404)
    now = desk.clock.now()
    start, end = window_of(found, now)
    members: dict[str, object] = {"suggestedWindow": {"start": moment(start), "end": moment(end)}}
    if found.explanation:
        members["explanationURL"] = found.explanation
    life = found.not_after - found.not_before
    return json_answer(200, members, retry_after(max(min(_POLL, life / 50), _LEAST_POLL)))


def window_of(certificate: Certificate, now: datetime) -> tuple[datetime, datetime]:
    """In the past for what is revoked, where the operator has put it in an incident, else by its life."""
    if certificate.revoked_at is not None:
        return now - timedelta(hours=1), now - timedelta(minutes=30)
    if certificate.window is not None:
        return certificate.window
    # Of what it had before it when it was signed: a certificate of an hour may begin well before that.
    life = certificate.not_after - certificate.issued_at
    ideal = certificate.not_after - (life / 2 if life < _SHORT else life / 3)
    return ideal - life / 100, ideal + life / 100


async def _known(desk: Desk, ari_id: str) -> Certificate | None:
    """The certificate of an identifier as RFC 9773 §4.1 makes it. Raises `malformed` where it is none."""
    key_id, serial = (_octets(part) for part in ari_id.partition(".")[::2])
    found = await certificates.get(desk.db, f"{int.from_bytes(serial):x}")
    return found if found is not None and desk.issuers.key_id(found.issuer) == key_id else None


def _octets(part: str) -> bytes:
    try:
        octets = unb64url(part)
    except ValueError:
        octets = b""
    if not octets or b64url(octets) != part:
        raise Problem(ProblemType.MALFORMED, "that is no identifier of a certificate (RFC 9773 section 4.1)")
    return octets
