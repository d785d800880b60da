"""What a CA and its remote perspectives say to each other: JSON over HTTPS.

    POST <base>/v1/claim  {"nonce", "claim": {"challenge", "identifier": {"type", "value"}, "token", "thumbprint", ...}}
    POST <base>/v1/caa    {"nonce", "wanted": [{"identifier", "method"}], "account_url", "rules": {"mode", ...}}
    200                   {"digest", "holds", "until", "problem", "asked": [{"kind", "about", "at", "came"}]}

`digest` is base64url(SHA-256(the request's body)): an answer is to this question and to no other, and `nonce` makes
each question one of its kind. `holds` says whether it is so; `problem`, the last part of an ACME error's URN, why not;
`until` when the proof ends by itself; `asked` what was looked at. The version is in the path. Bodies have at most 64
KiB. Whoever may not ask is told 401, a perspective that is busy 503, and nothing more.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from evercert.ca.validation.caa import CaaRules, ToIssue
from evercert.ca.validation.claim import Claim
from evercert.ca.validation.network import Asked

__all__ = ["CAA", "CLAIM", "MAX_BODY", "CaaQuestion", "ClaimQuestion", "Verdict", "digest_of", "read"]

CLAIM: Final = "/v1/claim"
CAA: Final = "/v1/caa"
MAX_BODY: Final = 64 * 1024


class ClaimQuestion(msgspec.Struct, frozen=True):
    """Is this claim true?"""

    nonce: str
    claim: Claim

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return (self.claim.identifier,)


class CaaQuestion(msgspec.Struct, frozen=True):
    """Does CAA let a certificate for these be issued?"""

    nonce: str
    wanted: tuple[ToIssue, ...]
    account_url: str
    rules: CaaRules

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return tuple(each.identifier for each in self.wanted)


class Verdict(msgspec.Struct, frozen=True):
    """One perspective's answer."""

    digest: str
    holds: bool
    until: datetime | None = None
    problem: str = ""
    asked: tuple[Asked, ...] = ()


def digest_of(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def read(body: bytes, path: str) -> ClaimQuestion | CaaQuestion:
    """The question that *body* asks at *path*. Raises `bad-input`, `bad-name`."""
    kind = {CLAIM: ClaimQuestion, CAA: CaaQuestion}.get(path)
    if kind is None or len(body) > MAX_BODY:
        raise EvercertError("bad-input", "there is no such question, or it is too long")
    try:
        question: ClaimQuestion | CaaQuestion = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EvercertError("bad-input", "the question cannot be read") from error
    for each in question.identifiers:
        # An identifier is valid because `parse_identifier` made it, which whoever sent this may not have asked.
        if parse_identifier(each.value) != each:
            raise EvercertError("bad-name", "an identifier is not in the form that it has in orders")
    return question
