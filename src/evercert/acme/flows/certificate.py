"""Certificates: fetched, revoked, and when the CA would renew them (RFC 8555 §7.4.2, §7.6; RFC 9773)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import islice

import msgspec

from evercert.acme.ari import bounded_poll, checked_ari_id
from evercert.acme.exchange import directory, get, post, post_as_get
from evercert.acme.jose import Signer, b64url
from evercert.acme.problem import Problem, ProblemType
from evercert.acme.session import Session
from evercert.acme.step import Flow
from evercert.acme.wire import Order, RenewalInfo
from evercert.base.errors import EvercertError, Retry
from evercert.base.message import Response
from evercert.pki.chain import split_pem

__all__ = ["RevocationReason", "chains", "renewal_info", "revoke"]

_PEM_CHAIN = "application/pem-certificate-chain"
# Let's Encrypt has offered four at most.
_MAX_ALTERNATES = 10


class RevocationReason(IntEnum):
    """RFC 5280 §5.3.1, as far as a subscriber may say it (BR 7.2.2 allows 0, 1, 3, 4, 5 and, by the CA, 9)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10


def chains(session: Session, order: Order, *, alternates: bool = False) -> Flow[list[tuple[bytes, ...]]]:
    """The certificate with its issuers (DER, leaf first): the CA's default chain, and with
    *alternates* the others that it links to (§7.4.2).

    An alternate that cannot be had is left out: it never costs the certificate. Nothing is
    verified here. Raises `bad-certificate`, or `bad-answer` where the order has no certificate.
    """
    if not order.certificate:
        raise EvercertError("bad-answer", f"the order is {order.status} and has no certificate")
    response = yield from post_as_get(session, order.certificate, accept=_PEM_CHAIN)
    found = [split_pem(response.body)]
    if alternates:
        for url in dict.fromkeys(_alternates(session, response, order.certificate)):
            found += yield from _alternate(session, url)
    return found


def revoke(
    session: Session, certificate_der: bytes, reason: RevocationReason | int | None = None, key: Signer | None = None
) -> Flow[None]:
    """Afterwards the certificate is revoked (§7.6), by the account, or by the certificate's own *key*
    where the account is gone. Idempotent: what was revoked before is no error."""
    url = (yield from directory(session)).revoke_cert
    if not url:
        raise EvercertError("ca-refused", "the CA revokes nothing by ACME", retry=Retry.NEVER)
    payload: dict[str, str | int] = {"certificate": b64url(certificate_der)}
    payload |= {} if reason is None else {"reason": int(reason)}
    try:
        yield from post(session, url, msgspec.json.encode(payload), repeatable=True, key=key)
    except Problem as problem:
        if problem.type is not ProblemType.ALREADY_REVOKED:
            raise


def renewal_info(session: Session, ari_id: str) -> Flow[RenewalInfo]:
    """When the CA would like the certificate renewed, and when to ask again (RFC 9773 §4).

    Raises `ca-refused` where the CA has no renewal information, `bad-answer` where it makes no sense:
    both mean to renew by our own schedule.
    """
    base = (yield from directory(session)).renewal_info
    if not base:
        raise EvercertError("ca-refused", "the CA gives no renewal information", retry=Retry.NEVER)
    url = f"{base.rstrip('/')}/{checked_ari_id(ari_id)}"
    told = session.read(RenewalInfo, (yield from get(session, url)), url)
    # §4.2: a window that ends before it starts is as good as no answer.
    if told.window_end <= told.window_start:
        raise EvercertError("bad-answer", "the CA's renewal window ends before it starts")
    explained = told.explanation_url if _is_web_page(told.explanation_url) else ""
    return msgspec.structs.replace(told, explanation_url=explained, retry_after=bounded_poll(told.retry_after))


def _alternates(session: Session, response: Response, base: str) -> Iterator[str]:
    try:
        yield from islice(session.links(response, "alternate", base), _MAX_ALTERNATES)
    except EvercertError:  # a link that leads astray; those before it were good
        return


def _alternate(session: Session, url: str) -> Flow[list[tuple[bytes, ...]]]:
    try:
        return [split_pem((yield from post_as_get(session, url, accept=_PEM_CHAIN)).body)]
    except EvercertError:
        return []


def _is_web_page(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) <= 500 and url.isascii() and url.isprintable()
