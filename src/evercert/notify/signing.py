"""Signatures over what is posted, as Standard Webhooks 1.0 has them (standardwebhooks.com), for which receivers in most
languages have a library."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["key_of", "signature"]

_PREFIX = b"whsec_"


def key_of(secret: Secret) -> Secret:
    """The HMAC key: what follows `whsec_` in base64, or the secret's own octets where it does not begin so. Raises
    `bad-input` for what is neither."""
    octets = secret.reveal().strip()
    key = _decoded(octets.removeprefix(_PREFIX)) if octets.startswith(_PREFIX) else octets
    if not key:  # with no key anybody signs
        raise EvercertError("bad-input", "the secret that signs webhooks is empty", hint="24 random octets are enough")
    return Secret(key)


def _decoded(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        hint = "write whsec_ and base64, or a secret that does not begin with whsec_"
        raise EvercertError("bad-input", "what follows whsec_ in the secret is not base64", hint=hint) from None


def signature(key: Secret, called: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `<id>.<seconds since 1970>.<body>`."""
    signed = f"{called}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key.reveal(), signed, hashlib.sha256)).decode()
