"""How the CA's nouns stand in rows: identifiers and problems as JSON text, moments as whole microseconds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from evercert.acme.wire import ProblemDocument
from evercert.base.clock import from_epoch
from evercert.base.names import Identifier
from evercert.ca.nouns import Account, Authorization, Certificate, Order, Recurrence
from evercert.db.protocol import Row
from evercert.store.columns import moment, moment_or_none

__all__ = [
    "account_from",
    "authorization_from",
    "certificate_from",
    "identifiers_from",
    "identifiers_to",
    "order_from",
    "problem_to",
]

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_jwk: Final = msgspec.json.Decoder(dict[str, str]).decode
_identifiers: Final = msgspec.json.Decoder(tuple[Identifier, ...]).decode
_problem: Final = msgspec.json.Decoder(ProblemDocument).decode
_recurrence: Final = msgspec.json.Decoder(Recurrence).decode


def identifiers_to(identifiers: Iterable[Identifier]) -> str:
    return _encode(tuple(identifiers)).decode()


def identifiers_from(text: str) -> tuple[Identifier, ...]:
    return _identifiers(text)


def problem_to(problem: ProblemDocument) -> str:
    return _encode(problem).decode()


def _problem_from(text: str) -> ProblemDocument | None:
    return _problem(text) if text else None


# The same few rows are read over and over: an account is read for each of its requests.
@lru_cache(maxsize=4096)
def account_from(row: Row) -> Account:
    number, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at = row
    return Account(
        id=number,
        jwk=_jwk(jwk),
        thumbprint=thumbprint,
        status=status,
        contacts=_texts(contacts),
        terms_agreed=terms_agreed_at is not None,
        eab_kid=eab_kid,
        created_at=moment(created_at),
    )


def authorization_from(row: Row) -> Authorization:
    number, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered = row[:10]
    attempted, attempted_at, validated_at, error, expires_at, response, evidence = row[10:]
    return Authorization(
        id=number,
        account_id=account_id,
        identifier=Identifier(identifier_type, f"*.{identifier}" if wildcard else identifier),
        profile=profile,
        stored_status=status,
        token=token,
        offered=tuple(offered.split()),
        attempted=attempted,
        attempted_at=moment_or_none(attempted_at),
        validated_at=moment_or_none(validated_at),
        error=_problem_from(error),
        expires_at=moment(expires_at),
        subdomains=bool(subdomains),
        response=response,
        evidence=evidence,
    )


def order_from(row: Row, authorizations: Iterable[Row]) -> Order:
    number, account_id, status, identifiers, profile, expires_at, created_at, replaces = row[:8]
    not_before, not_after, csr, certificate, error, recurrence = row[8:]
    return Order(
        id=number,
        account_id=account_id,
        stored_status=status,
        identifiers=identifiers_from(identifiers),
        profile=profile,
        expires_at=moment(expires_at),
        created_at=moment(created_at),
        authorizations=tuple((each, state, from_epoch(expires)) for each, state, expires in authorizations),
        replaces=replaces,
        not_before=moment_or_none(not_before),
        not_after=moment_or_none(not_after),
        csr=csr or b"",
        certificate=certificate,
        error=_problem_from(error),
        recurrence=_recurrence(recurrence) if recurrence else None,
    )


def certificate_from(row: Row) -> Certificate:
    serial, account_id, order_id, issuer, profile, identifiers, not_before, not_after, issued_at, key_digest = row[:10]
    revoked_at, reason, replaced_by, window_start, window_end, explanation, crl_partition = row[10:]
    window = None if window_start is None else (moment(window_start), moment(window_end))
    return Certificate(
        serial=serial,
        account_id=account_id,
        order_id=order_id,
        issuer=issuer,
        profile=profile,
        identifiers=identifiers_from(identifiers),
        not_before=moment(not_before),
        not_after=moment(not_after),
        issued_at=moment(issued_at),
        key_digest=key_digest,
        revoked_at=moment_or_none(revoked_at),
        reason=reason,
        replaced_by=replaced_by,
        window=window,
        explanation=explanation,
        crl_partition=crl_partition,
    )
