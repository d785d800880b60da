"""OCSP responses (RFC 6960 §4.2): signed by the issuer itself or by a responder that it has named.

The same function answers a request with its nonce, and makes before anybody asks what a cache hands out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from evercert.pki import der
from evercert.pki.issuing import Leaf
from evercert.pki.ocsp_request import CertId
from evercert.pki.signer import Signer
from evercert.pki.tbs import Subject, extension

__all__ = [
    "INTERNAL_ERROR",
    "MALFORMED_REQUEST",
    "TRY_LATER",
    "UNAUTHORIZED",
    "Status",
    "respond",
    "responder_leaf",
]


def _failure(status: int) -> bytes:
    return der.sequence(der.enumerated(status))


# §4.2.1: whole responses, which nobody signs. `UNAUTHORIZED` is the answer about a certificate that is none of ours.
MALFORMED_REQUEST: Final = _failure(1)
INTERNAL_ERROR: Final = _failure(2)
TRY_LATER: Final = _failure(3)
UNAUTHORIZED: Final = _failure(6)

_SUCCESSFUL: Final = der.enumerated(0)
_BASIC: Final = der.oid("1.3.6.1.5.5.7.48.1.1")
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_GOOD: Final = der.primitive(0x80, b"")
_UNKNOWN: Final = der.primitive(0x82, b"")


@dataclass(frozen=True, slots=True)
class Status:
    """What is known about one certificate: revoked at that moment and for that reason (of `reasons.REASONS`), good, or,
    where it is not `issued`, nothing."""

    cert_id: CertId
    revoked_at: datetime | None = None
    reason: int = 0
    issued: bool = True


def respond(
    statuses: Sequence[Status],
    signer: Signer,
    *,
    this_update: datetime,
    next_update: datetime,
    produced_at: datetime | None = None,
    nonce: bytes = b"",
) -> bytes:
    """The response (DER). *signer* is the issuer, or holds a certificate that the issuer made of `responder_leaf`,
    which then goes with the response. *this_update* is when the statuses were true, *next_update* until when they may
    be believed."""
    validity = der.generalized_time(this_update), der.constructed(0xA0, der.generalized_time(next_update))
    data = der.sequence(
        # §4.2.1: a responder's key is named by SHA-1, whatever the rest uses.
        der.constructed(0xA2, der.octets(signer.key_hash["sha1"])),
        der.generalized_time(produced_at or this_update),
        der.sequence(*[der.sequence(each.cert_id.der, _state(each), *validity) for each in statuses]),
        der.constructed(0xA1, der.sequence(extension(_NONCE, der.octets(nonce)))) if nonce else b"",
    )
    signature = der.bits(signer.key.sign_bytes(data))
    basic = der.sequence(data, signer.algorithm, signature, _own_certificate(signer))
    return der.sequence(_SUCCESSFUL, der.constructed(0xA0, der.sequence(_BASIC, der.octets(basic))))


def responder_leaf(serial: int, spki: bytes, subject: Subject, *, not_before: datetime, not_after: datetime) -> Leaf:
    """The certificate of a responder that answers for whoever signs this (§4.2.2.2). Nobody asks whether it is revoked,
    so let it live for days and not for years."""
    return Leaf(
        serial=serial,
        spki=spki,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        ekus=("ocspSigning",),
        ocsp_no_check=True,
    )


def _state(status: Status) -> bytes:
    if not status.issued:
        return _UNKNOWN
    if status.revoked_at is None:
        return _GOOD
    reason = der.constructed(0xA0, der.enumerated(status.reason)) if status.reason else b""
    return der.constructed(0xA1, der.generalized_time(status.revoked_at), reason)


def _own_certificate(signer: Signer) -> bytes:
    """Whoever asks has the issuer's certificate already, but not that of a responder."""
    if signer.is_ca:
        return b""
    return der.constructed(0xA0, der.sequence(signer.certificate))
