"""Certificates, as they are fetched (RFC 8555 §7.4.2): the chain that was asked for, in the form that was asked for."""

from __future__ import annotations

from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.serving import Answer, Asked
from evercert.ca.nouns import Certificate
from evercert.ca.protocol.answers import moment
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import Signed
from evercert.ca.store import certificates, orders
from evercert.pki.cert import certificate_pem
from evercert.pki.issuing import certs_only

__all__ = ["certificate", "star_certificate"]

_PEM: Final = "application/pem-certificate-chain"
_DER: Final = "application/pkix-cert"
_PKCS7: Final = "application/pkcs7-mime"
_FORMS: Final = (_PEM, _DER, _PKCS7)


async def certificate(desk: Desk, signed: Signed, accept: str, serial: str, chain: int = 0) -> Answer:
    """The account's certificate with the *chain*-th of its chains."""
    read = await certificates.with_body(desk.db, serial)
    if read is None:
        raise Problem(ProblemType.MALFORMED, "there is no such certificate", status=404)
    found, body = read
    if found.account_id != signed.account.id:
        raise Problem(ProblemType.UNAUTHORIZED, "that is another account's certificate")
    if not signed.is_get:
        raise Problem(ProblemType.MALFORMED, "a certificate is fetched with POST-as-GET: an empty payload")
    return _shown(desk, found, body, accept, chain, desk.urls.certificate(serial))


async def star_certificate(desk: Desk, signed: Signed | None, asked: Asked, number: int) -> Answer:
    """The newest certificate of a recurrent order (RFC 8739 §3.3), for its owner, or for everybody if it says so."""
    order = await orders.get(desk.db, number)
    if order is None or order.recurrence is None or not order.certificate:
        raise Problem(ProblemType.MALFORMED, "there is no such recurrent order with a certificate", status=404)
    if signed is None and not order.recurrence.allow_get:
        raise Problem(ProblemType.UNAUTHORIZED, "the order's owner has not allowed that it is fetched without him")
    if signed is not None and signed.account.id != order.account_id:
        raise Problem(ProblemType.UNAUTHORIZED, "that is another account's order")
    if order.recurrence.end <= desk.clock.now():
        raise Problem(ProblemType.AUTO_RENEWAL_EXPIRED, "the recurrent order has come to its end")
    if order.stored_status == "canceled":
        raise Problem(ProblemType.AUTO_RENEWAL_CANCELED, "the recurrent order was cancelled; it may say why")
    read = await certificates.with_body(desk.db, order.certificate)
    if read is None:
        raise Problem(ProblemType.SERVER_INTERNAL, "the order's certificate is not there")
    found, body = read
    answer = _shown(desk, found, body, asked.header("accept"), 0, desk.urls.star_certificate(number))
    dates = ("cert-not-before", moment(found.not_before)), ("cert-not-after", moment(found.not_after))
    return Answer(answer.status, answer.body, (*answer.headers, *dates))


def _shown(desk: Desk, found: Certificate, body: bytes, accept: str, chain: int, url: str) -> Answer:
    chains = desk.issuers.chains(found.issuer)
    if not 0 <= chain < len(chains):
        raise Problem(ProblemType.MALFORMED, "the certificate has no such chain", status=404)
    form = _form(accept)
    ders = [body, *chains[chain]]
    others = (("link", f'<{_url(url, at)}>;rel="alternate"') for at in range(len(chains)) if at != chain)
    # RFC 8555 §7.4.2: for forms that leave the issuer out. With PEM, a client that follows it would be led astray.
    up = (("link", f'<{desk.urls.issuer(found.issuer)}>;rel="up"'),) if form == _DER else ()
    return Answer(200, _encoded(form, ders), (("content-type", form), *up, *others))


def _url(first: str, chain: int) -> str:
    return f"{first}/{chain}" if chain else first


def _form(accept: str) -> str:
    """The best of our forms that *accept* takes; what names none of them gets PEM (RFC 9110 §12.5.1)."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(",")[:20]:
        kind, _, parameters = part.partition(";")
        weights[kind.strip()] = _weight(parameters)
    ranked = sorted(_FORMS, key=lambda form: -weights.get(form, weights.get("application/*", weights.get("*/*", 0.0))))
    return ranked[0]


def _weight(parameters: str) -> float:
    _, _, value = parameters.strip().partition("q=")
    try:
        return min(max(float(value[:5]), 0.0), 1.0) if value else 1.0
    except ValueError:
        return 0.0


def _encoded(form: str, ders: list[bytes]) -> bytes:
    if form == _DER:
        return ders[0]
    return certs_only(ders) if form == _PKCS7 else "".join(map(certificate_pem, ders)).encode()
