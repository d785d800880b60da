"""tls-alpn-01: a certificate with the digest of the key authorization, for `acme-tls/1` (RFC 8737, RFC 8738 §6)."""

from __future__ import annotations

import hmac
from functools import partial
from typing import Final

from evercert.acme.challenge import acme_identifier_digest
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.probe import Handshake
from evercert.ca.validation.claim import Claim, Reach
from evercert.ca.validation.dialling import first_answer
from evercert.pki.alpn_certificate import acme_identifier_of

__all__ = ["validate_tls_alpn01"]

_ACME_TLS: Final = "acme-tls/1"
_VERSIONS: Final = frozenset({"TLSv1.2", "TLSv1.3"})


async def validate_tls_alpn01(claim: Claim, reach: Reach) -> None:
    """Raises `Problem`: `dns`, `connection`, `tls`, `incorrectResponse`."""
    addresses = await reach.addresses(claim.identifier)
    address, seen = await first_answer(addresses, partial(_seen, claim, reach))
    if seen.version not in _VERSIONS:
        raise Problem(ProblemType.TLS, f"{address} speaks a TLS older than 1.2; let it speak a newer one")
    if seen.alpn != _ACME_TLS:
        raise _wrong(address, f"does not negotiate {_ACME_TLS}")
    try:
        digest = acme_identifier_of(seen.certificate, claim.identifier)
    except EvercertError as error:
        what = error.message if seen.certificate else "cannot be read"
        raise _wrong(address, f"shows a certificate that {what}") from error
    if not hmac.compare_digest(digest, acme_identifier_digest(claim.key_authorization)):
        raise _wrong(address, "shows a certificate for another key authorization than that of this token and account")


async def _seen(claim: Claim, reach: Reach, address: str) -> Handshake:
    name = claim.identifier.server_name
    return await reach.network.alpn_certificate(address, reach.tls_port, name, reach.limits)


def _wrong(address: str, what: str) -> Problem:
    return Problem(
        ProblemType.INCORRECT_RESPONSE, f"{address} {what}; let the responder of this challenge answer there"
    )
