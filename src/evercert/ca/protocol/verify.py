"""The one way to a payload: a request whose signature, nonce, URL and account were found right.

The order of the checks is the law here. What costs nothing comes first; the nonce is burned only after the signature
was found right, so that nobody without the key uses up another's; the account's status is told only to its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from evercert.acme.jose import CONTENT_TYPE, thumbprint
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Asked
from evercert.ca.account_keys import key_of
from evercert.ca.nouns import Account
from evercert.ca.protocol.envelope import ALGORITHMS, Envelope, opened
from evercert.ca.protocol.nonces import Nonces
from evercert.ca.store import accounts
from evercert.ca.urls import Urls
from evercert.db.protocol import Database
from evercert.pki.public import PublicKey, public_from_jwk
from evercert.pki.weak import weakness

__all__ = ["KeyHolder", "Signed", "Verifier", "canonical_jwk", "checked_key", "payload_as"]

T = TypeVar("T")

_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}


class Signed(msgspec.Struct, frozen=True):
    """A request by an account that may make it."""

    account: Account
    payload: bytes
    url: str
    peer: str

    @property
    def is_get(self) -> bool:
        """Whether it is POST-as-GET (RFC 8555 §6.3)."""
        return not self.payload


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A request by whoever has a key; he may have no account. `jwk` has the key's own members only."""

    jwk: Mapping[str, str]
    key: PublicKey
    payload: bytes
    url: str
    peer: str

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.jwk)


class Verifier:
    """Owned by one node."""

    def __init__(self, db: Database, nonces: Nonces, urls: Urls) -> None:
        self._db = db
        self._nonces = nonces
        self._urls = urls

    async def by_account(self, asked: Asked) -> Signed:
        """The request, if it is signed with the key of an account in use. Raises `Problem`."""
        envelope = self._opened(asked)
        if not envelope.kid:
            raise Problem(ProblemType.MALFORMED, "sign this request with the account's kid, not with a jwk")
        return await self._by_account(asked, envelope)

    async def by_key(self, asked: Asked) -> KeyHolder:
        """The request, if it is signed with the key that it shows. Raises `Problem`."""
        envelope = self._opened(asked)
        if envelope.kid:
            raise Problem(ProblemType.MALFORMED, "sign this request with a jwk, not with a kid")
        return await self._by_key(asked, envelope)

    async def by_either(self, asked: Asked) -> Signed | KeyHolder:
        """The request by an account, or by the holder of any key (revocation, RFC 8555 §7.6). Raises `Problem`."""
        envelope = self._opened(asked)
        return await (self._by_account(asked, envelope) if envelope.kid else self._by_key(asked, envelope))

    def _opened(self, asked: Asked) -> Envelope:
        content_type = asked.header("content-type").partition(";")[0].strip().lower()
        if content_type != CONTENT_TYPE:
            raise Problem(ProblemType.MALFORMED, f"the content type of a request is {CONTENT_TYPE}", status=415)
        envelope = opened(asked.body)
        if envelope.url != self._urls.of(asked):
            raise Problem(ProblemType.UNAUTHORIZED, "the url in the protected header is not the one of the request")
        if not envelope.nonce or not self._nonces.is_ours(envelope.nonce):
            raise Problem(
                ProblemType.BAD_NONCE, "the nonce is not one of ours, or too old; take the one of this answer"
            )
        return envelope

    async def _by_account(self, asked: Asked, envelope: Envelope) -> Signed:
        number = self._urls.account_number(envelope.kid)
        account = await accounts.get(self._db, number) if number is not None else None
        if account is None:
            raise Problem(ProblemType.ACCOUNT_DOES_NOT_EXIST, "the kid is not the URL of an account here")
        await self._check_signature(envelope, key_of(account))
        if account.status != "valid":
            # RFC 8555 §7.3.6 wants this status here, and no other one.
            raise Problem(ProblemType.UNAUTHORIZED, f"the account is {account.status}", status=401)
        return Signed(account, envelope.payload, envelope.url, asked.peer)

    async def _by_key(self, asked: Asked, envelope: Envelope) -> KeyHolder:
        key = checked_key(envelope.jwk)
        await self._check_signature(envelope, key)
        return KeyHolder(canonical_jwk(envelope.jwk), key, envelope.payload, envelope.url, asked.peer)

    async def _check_signature(self, envelope: Envelope, key: PublicKey) -> None:
        check_signature(envelope, key)
        if not await self._nonces.burn(envelope.nonce):
            raise Problem(ProblemType.BAD_NONCE, "the nonce was used before; take the one of this answer")


def check_signature(envelope: Envelope, key: PublicKey) -> None:
    """Raises `Problem` unless the envelope is signed with that key, by the one algorithm that goes with it."""
    if envelope.alg != key.alg:
        words = f"a key of this kind signs with {key.alg}; known: {', '.join(ALGORITHMS)}"
        raise Problem(ProblemType.BAD_SIGNATURE_ALGORITHM, words, algorithms=ALGORITHMS)
    if not key.has_signed(envelope.signed, envelope.signature):
        raise Problem(ProblemType.MALFORMED, "the signature is not the key's")


def checked_key(jwk: Mapping[str, object]) -> PublicKey:
    """The key in a JWK, if it is one that an account may have. Raises `badPublicKey`."""
    try:
        key = public_from_jwk(jwk)
    except EvercertError as error:
        raise Problem(ProblemType.BAD_PUBLIC_KEY, error.message) from error
    if fault := weakness(key.spki):
        raise Problem(ProblemType.BAD_PUBLIC_KEY, fault)
    return key


def canonical_jwk(jwk: Mapping[str, object]) -> dict[str, str]:
    """The members that make the key, and nothing else that stood beside them."""
    return {name: str(jwk[name]) for name in _MEMBERS[str(jwk["kty"])]}


def payload_as(kind: type[T], payload: bytes) -> T:
    """The payload as that kind of value. Raises `malformed`."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        fault = str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON that we understand"
        raise Problem(ProblemType.MALFORMED, f"the payload is not what this resource takes: {fault}") from error
