"""Chains: taken apart, proved to be what was asked for, and chosen among.

Signatures inside a chain are verified; whether its top is trusted is for whoever is served to say.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.cert import CertificateView, parsed, read_certificate

__all__ = ["OtherCertificate", "check_issued", "matches_preferred", "split_pem"]

# The longest public chain today has four certificates; a post-quantum one some 10 kB each.
_MAX_CERTIFICATES = 16
_MAX_PEM = 256 * 1024

# Bounded by the text's length, with nothing in it that backtracks (RFC 7468 §2).
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")

# A chain is checked when it is issued, and again when it is installed a moment later.
_REMEMBERED = 128

# A CA's clock may be ahead of ours by so much.
_SKEW = timedelta(hours=1)


def split_pem(data: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM text, DER, in their order; text between them is passed over.

    Raises `bad-certificate` where there is none, or where there are more or larger ones than a chain has.
    """
    if len(data) > _MAX_PEM:
        raise _bad(f"a chain has no more than {_MAX_PEM} bytes")
    bodies = _PEM.findall(data)
    if not 1 <= len(bodies) <= _MAX_CERTIFICATES:
        raise _bad(f"a chain has 1 to {_MAX_CERTIFICATES} certificates, not {len(bodies)}")
    try:
        chain = tuple(base64.b64decode(b"".join(body.split()), validate=True) for body in bodies)
    except binascii.Error as error:
        raise _bad("a certificate is not base64") from error
    for der in chain:
        parsed(der)
    return chain


class OtherCertificate(EvercertError):
    """The leaf is for another key or other names, or its life is over: a second look cannot help.

    Its own class because an attempt then gives the order up.
    """


def check_issued(
    chain: Sequence[bytes], spki: bytes, identifiers: Collection[Identifier], now: datetime, *, exactly: bool = True
) -> None:
    """Raises `bad-certificate` unless the leaf (first) is for this key and exactly these names (or these at least) and
    has not ended (else it is an `OtherCertificate`), is valid already, and each certificate is signed by the next."""
    if not chain:
        raise _bad("the chain is empty")
    leaf = read_certificate(chain[0])
    if leaf.spki != spki:
        raise OtherCertificate("bad-certificate", "the certificate is for another key")
    _check_names(leaf, identifiers, exactly)
    if now + _SKEW < leaf.not_before:
        raise _bad(
            f"the certificate is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC; is this machine's clock right?"
        )
    if now >= leaf.not_after:
        # An attempt that was dead for longer than the certificate lived comes back to a valid order of no use.
        fault = f"the certificate ended at {leaf.not_after:%Y-%m-%d %H:%M} UTC; is this machine's clock right?"
        raise OtherCertificate("bad-certificate", fault)
    certificates = [parsed(der) for der in chain]
    for below, above in pairwise(certificates):
        _check_signed(below, above)


def matches_preferred(chain: Sequence[bytes], wanted: str) -> bool:
    """Whether *wanted* names one of the chain's issuers (CN or O, any case), or is the SHA-256 of one of
    its certificates or the key identifier of its top issuer (hex)."""
    views = [read_certificate(der) for der in chain]
    written = wanted.strip().lower()
    marks = {view.issuer.lower() for view in views} | {view.fingerprint for view in views} | {views[-1].aki.hex()}
    return written in marks or written.replace(":", "") in marks


def _check_names(leaf: CertificateView, identifiers: Collection[Identifier], exactly: bool) -> None:
    missing, extra = set(identifiers) - set(leaf.identifiers), set(leaf.identifiers) - set(identifiers)
    if missing:
        raise OtherCertificate("bad-certificate", f"the certificate lacks {_some(missing)}")
    if extra and exactly:
        fault = f"the certificate has {_some(extra)}, which was not asked for"
        raise OtherCertificate("bad-certificate", fault)


@lru_cache(maxsize=_REMEMBERED)
def _check_signed(below: x509.Certificate, above: x509.Certificate) -> None:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise _bad("the chain is not in order: a certificate is not signed by the next one") from error


def _some(identifiers: Collection[Identifier]) -> str:
    shown = sorted(each.value for each in identifiers)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _bad(message: str) -> EvercertError:
    return EvercertError("bad-certificate", message)
