"""The JWS around a request (RFC 8555 §6.2), taken apart: flattened, one signature, nothing unprotected. Pure.

Rules of this file:

* What could be read in two ways is refused: a member that stands twice, `crit`, `b64`, anything unprotected. Members
  that we do not know say nothing to us (RFC 7515 §4: "MUST be ignored when not understood").
* Nothing in it is believed until `verify` has looked at the signature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from evercert.acme.jose import unb64url
from evercert.acme.problem import Problem, ProblemType

__all__ = ["ALGORITHMS", "MACS", "Envelope", "opened"]

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "RS256", "EdDSA")
MACS: Final = ("HS256", "HS384", "HS512")

_MAX_HEADER = 8 * 1024
# RFC 7515 §4.1.11, RFC 7797: what changes the meaning of the rest. Nothing of it is understood here.
_REFUSED: Final = frozenset({"crit", "b64"})
# RFC 8555 §6.5.1: a nonce with other characters is malformed.
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")


class _Flattened(msgspec.Struct, frozen=True):
    """`header` and `signatures` are those of other forms; RFC 8555 §6.2 wants neither."""

    protected: str
    payload: str
    signature: str
    header: msgspec.UnsetType = msgspec.UNSET
    signatures: msgspec.UnsetType = msgspec.UNSET


class Envelope(msgspec.Struct, frozen=True):
    """`signed` is what the signature is over. Exactly one of `kid` and `jwk` is there."""

    alg: str
    url: str
    nonce: str
    kid: str
    jwk: Mapping[str, object]
    payload: bytes
    signature: bytes
    signed: bytes


def opened(body: bytes, algorithms: tuple[str, ...] = ALGORITHMS) -> Envelope:
    """What the body of a request is made of. Raises `malformed` or `badSignatureAlgorithm`."""
    try:
        sent = _decode(body)
        header = _header(sent.protected)
        payload, signature = unb64url(sent.payload), unb64url(sent.signature)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed("the body is not a flattened JWS with base64url members and nothing else") from error
    _check(header, algorithms)
    return Envelope(
        alg=header["alg"],
        url=header["url"],
        nonce=header.get("nonce", ""),
        kid=header.get("kid", ""),
        jwk=header.get("jwk", {}),
        payload=payload,
        signature=signature,
        signed=f"{sent.protected}.{sent.payload}".encode(),
    )


_decode: Final = msgspec.json.Decoder(_Flattened).decode


def _header(text: str) -> dict[str, Any]:
    if len(text) > _MAX_HEADER:
        raise ValueError("too long")
    header = _read(unb64url(text).decode())
    if not isinstance(header, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one refusal for everything that is no JWS
    return header


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


# Made once; msgspec, which reads everything else, keeps the last of two members of one name and says nothing.
_read: Final = json.JSONDecoder(object_pairs_hook=_without_repetition).decode


def _check(header: Mapping[str, Any], algorithms: tuple[str, ...]) -> None:
    if refused := _REFUSED & header.keys():
        raise _malformed(f"the protected header has members that are not taken here: {', '.join(sorted(refused))}")
    for name, kind in (("alg", str), ("url", str), ("nonce", str), ("kid", str), ("jwk", dict)):
        if name in header and not isinstance(header[name], kind):
            raise _malformed(f"{name!r} in the protected header is of the wrong type")
    if header.get("alg") not in algorithms:
        words = f"the algorithm is none of {', '.join(algorithms)}"
        raise Problem(ProblemType.BAD_SIGNATURE_ALGORITHM, words, algorithms=algorithms)
    if "url" not in header:
        raise _malformed("the protected header has no url")
    if ("kid" in header) == ("jwk" in header):
        raise _malformed("the protected header has either a kid or a jwk, and exactly one of them")
    if "nonce" in header and not _NONCE.fullmatch(header["nonce"]):
        raise _malformed("the nonce is not base64url")


def _malformed(detail: str) -> Problem:
    return Problem(ProblemType.MALFORMED, detail)
