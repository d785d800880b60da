"""The entrance: an attestation object from anybody is `Attested`, or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from evercert.pki.attestation import apple, step, tpm
from evercert.pki.attestation.attested import Attested, Binding, refused
from evercert.pki.attestation.cbor import read_cbor
from evercert.pki.attestation.chain import TrustAnchors

__all__ = ["FORMATS", "verify"]

FORMATS: Final[dict[str, Callable[..., Attested]]] = {
    tpm.FORMAT: tpm.verify_tpm,
    apple.FORMAT: apple.verify_apple,
    step.FORMAT: step.verify_step,
}


def verify(att_obj: bytes, key_authorization: str, anchors: TrustAnchors, now: datetime) -> Attested:
    """What the attestation object (WebAuthn Level 2 §6.5.4, in CBOR) proves for this challenge and account.

    Raises `bad-attestation`, in text fit for the client; nothing of the object is in it. `authData` is passed over, as
    the draft wants. Takes a millisecond or so; the object has at most 64 KiB.
    """
    whole = read_cbor(att_obj)
    if not isinstance(whole, dict):
        raise refused("the attestation object is no map")
    kind, statement = whole.get("fmt"), whole.get("attStmt")
    if not isinstance(kind, str) or not isinstance(statement, dict):
        raise refused("the attestation object has no fmt, or no attStmt")
    roots = anchors.roots.get(kind)
    if kind not in FORMATS or not roots:
        accepted = ", ".join(sorted(FORMATS.keys() & anchors.roots.keys())) or "none"
        raise refused(f"an attestation of that format is not accepted here; accepted: {accepted}")
    return FORMATS[kind](statement, Binding(key_authorization.encode()), roots, now)
