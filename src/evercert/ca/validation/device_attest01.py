"""device-attest-01: a device says itself what it is and which key it holds (draft-ietf-acme-device-attest).

Nothing is dialled: the answer to the challenge is the proof. It is for one key, so what was proved is kept with the
authorization as evidence, and a request that comes later is held against it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final

from evercert.acme.jose import unb64url
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.attestation.attested import Attested, refused
from evercert.pki.attestation.chain import TrustAnchors
from evercert.pki.attestation.identifiers import device_identifier
from evercert.pki.attestation.verify import verify

__all__ = ["DEVICE_ATTEST_01", "check_attested_key", "evidence_of", "validate_device_attest01", "wanted_device"]

DEVICE_ATTEST_01: Final = "device-attest-01"

# 64 KiB in base64url, without padding; with one character more it is refused for its length.
_MAX_TEXT: Final = 87_382


def wanted_device(kind: str, value: str) -> Identifier:
    """The identifier of a newOrder. Raises `malformed`, as the draft wants it, for one outside of its grammar."""
    try:
        return device_identifier(kind, value)
    except EvercertError as error:
        raise Problem(ProblemType.MALFORMED, error.message) from error


def validate_device_attest01(
    wanted: Identifier, att_obj: str, key_authorization: str, anchors: TrustAnchors, now: datetime
) -> Attested:
    """What the member `attObj` of a challenge's answer proves, if it is about that device.

    Raises `badAttestationStatement`, with the reason and without a byte of the object, which may say more about a
    device than its owner wants to be told to others. Pure; takes a millisecond or so.
    """
    attested = _verified(att_obj, key_authorization, anchors, now)
    if wanted not in attested.identifiers:
        raise _bad(f"the attestation is about another device than this order's {wanted.type}")
    return attested


def evidence_of(attested: Attested) -> str:
    """What is to be kept of it: the format and the key's digest, no identity (the draft's "Privacy Considerations")."""
    bound = "" if attested.is_bound_to_account else " token-only"
    return f"{DEVICE_ATTEST_01} {attested.format}{bound} sha256:{hashlib.sha256(attested.spki).hexdigest()}"


def check_attested_key(spki: bytes, evidence: str) -> None:
    """Raises `badCSR` where an authorization rests on an attestation of another key than the request's."""
    if not evidence.startswith(DEVICE_ATTEST_01):
        return
    digest = evidence.rpartition("sha256:")[2]
    if not hmac.compare_digest(digest, hashlib.sha256(spki).hexdigest()):
        raise Problem(ProblemType.BAD_CSR, "the request is for another key than the one that the device attested")


def _verified(att_obj: str, key_authorization: str, anchors: TrustAnchors, now: datetime) -> Attested:
    try:
        return verify(_octets(att_obj), key_authorization, anchors, now)
    except EvercertError as error:
        raise _bad(error.message) from error


def _octets(att_obj: str) -> bytes:
    try:
        return unb64url(att_obj[: _MAX_TEXT + 1])
    except ValueError as error:
        raise refused("attObj is not base64url without padding") from error


def _bad(message: str) -> Problem:
    return Problem(ProblemType.BAD_ATTESTATION_STATEMENT, message)
