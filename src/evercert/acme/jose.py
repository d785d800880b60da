"""JSON Web Signatures as ACME uses them (RFC 7515, RFC 7638, RFC 8555 §6.2): signing only.

Narrow on purpose: the flattened form and the algorithms of ACME account keys, nothing else.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = [
    "CONTENT_TYPE",
    "ExternalAccount",
    "Signer",
    "b64url",
    "external_account_binding",
    "hmac_key",
    "key_change",
    "sign",
    "thumbprint",
    "unb64url",
]

CONTENT_TYPE: Final = "application/jose+json"


class Signer(Protocol):
    """A private key, or whatever holds one: its public JWK, its JWS algorithm, its signatures."""

    @property
    def jwk(self) -> Mapping[str, str]: ...

    @property
    def jws_alg(self) -> str: ...

    def sign_jws(self, data: bytes) -> bytes:
        """The signature in JWS form (RFC 7518 §3.4: r || s for ECDSA, never DER)."""
        ...


# RFC 7518 §3.2. A MAC stands nowhere in ACME but in an external account binding (§7.3.4).
_MACS: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

# RFC 7638 §3.2: the members that a thumbprint is made of, in the order of their names.
_THUMBPRINT_MEMBERS: Final = {"EC": "crv kty x y", "RSA": "e kty n", "OKP": "crv kty x", "AKP": "alg kty pub"}


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE, b"=").decode()


_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
# To the standard alphabet, whose own two characters then belong to none.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/", b"+/!!")


def unb64url(text: str) -> bytes:
    """The bytes that *text* (no padding, no white space) encodes; raises ValueError."""
    standard = text.encode("ascii", errors="replace").translate(_TO_STANDARD)
    padding = b"!" if standard.endswith(b"=") else b"=" * (-len(standard) % 4)
    try:
        return binascii.a2b_base64(standard + padding, strict_mode=True)
    except ValueError as error:
        raise ValueError("not base64url") from error


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 with SHA-256, as its 43 characters of base64url."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]].split()}
    return b64url(hashlib.sha256(msgspec.json.encode(members)).digest())


def sign(signer: Signer, *, url: str, nonce: str, payload: bytes | None, kid: str = "") -> bytes:
    """The body of a POST to *url* (§6.2): by account URL if *kid* is given, else with the key itself.

    A payload of None is POST-as-GET (§6.3). An empty nonce leaves it out (the inner JWS of §7.3.5).
    """
    header: dict[str, object] = {"alg": signer.jws_alg, "url": url}
    header |= {"kid": kid} if kid else {"jwk": signer.jwk}
    header |= {"nonce": nonce} if nonce else {}
    return msgspec.json.encode(_flattened(header, payload or b"", signer.sign_jws))


def key_change(old: Signer, new: Signer, *, account_url: str, url: str) -> bytes:
    """The payload of a keyChange (§7.3.5): the new key's word that it takes the old one's place."""
    payload = msgspec.json.encode({"account": account_url, "oldKey": old.jwk})
    return sign(new, url=url, nonce="", payload=payload)


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """What a CA gave a customer outside ACME (§7.3.4). `key` is base64url text, as it was given."""

    kid: str
    key: Secret
    algorithm: str = "HS256"


def external_account_binding(
    kid: str, key: Secret, algorithm: str, jwk: Mapping[str, str], url: str
) -> dict[str, object]:
    """The JWS that binds an account key to an external account (§7.3.4); raises `bad-input`."""
    digest = _MACS.get(algorithm)
    if digest is None:
        raise EvercertError(
            "bad-input",
            f"{algorithm!r} is no MAC algorithm",
            hint=f"use one of {', '.join(_MACS)}; nearly all CAs use HS256",
        )
    mac_key = hmac_key(key)
    header = {"alg": algorithm, "kid": kid, "url": url}
    return _flattened(header, msgspec.json.encode(jwk), lambda data: hmac.digest(mac_key.reveal(), data, digest))


def hmac_key(key: Secret) -> Secret:
    """The MAC key that a CA's customer page shows as base64url; standard base64 and padding are
    forgiven. Raises `bad-input`, without the key."""
    text = re.sub(rb"\s", b"", key.reveal()).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
    fault = "the HMAC key of the external account is empty"
    try:
        if key_bytes := unb64url(text.decode("ascii")):
            return Secret(key_bytes)
    except (ValueError, binascii.Error):
        fault = "the HMAC key of the external account is not base64url"
    raise EvercertError(
        "bad-input",
        fault,
        hint="give it exactly as the CA shows it; if you have raw bytes, encode them as base64url first",
    )


def _flattened(header: Mapping[str, object], payload: bytes, signature: Callable[[bytes], bytes]) -> dict[str, object]:
    protected, body = b64url(msgspec.json.encode(header)), b64url(payload)
    return {"protected": protected, "payload": body, "signature": b64url(signature(f"{protected}.{body}".encode()))}
