"""A challenge's answer: what stands where. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from evercert.acme.challenge import (
    dns01_name,
    dns_account_name,
    dns_value,
    http_path,
    key_authorization,
    persist_name,
    persist_record,
)
from evercert.acme.jose import thumbprint
from evercert.acme.wire import Authorization, Challenge, Meta
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.model.fact import Presented
from evercert.model.intent import ChallengeRule

__all__ = ["CHALLENGE_TYPES", "payload_for", "response_to"]


def response_to(
    challenge: Challenge,
    authorization: Authorization,
    rule: ChallengeRule,
    *,
    issuance_id: int,
    jwk: Mapping[str, str],
    account_url: str,
    meta: Meta,
) -> Presented:
    """What to present for the challenge; `id` is 0 until it is stored.

    Raises `no-challenge` for a type that is not solved here, `bad-answer` for a token or a record
    that the CA must not have sent.
    """
    identifier = authorization.identifier
    if challenge.type not in _ANSWERS:
        raise EvercertError("no-challenge", f"{challenge.type} is not solved here", name=str(identifier))
    asked = _Asked(challenge, identifier, authorization.wildcard, rule.options, jwk, account_url, meta)
    place, content = _ANSWERS[challenge.type](asked)
    return Presented(
        id=0,
        issuance_id=issuance_id,
        identifier_type=identifier.type,
        identifier=identifier.value,
        challenge_type=challenge.type,
        challenge_url=challenge.url,
        token=challenge.token,
        solver=rule.solver,
        options=rule.options,
        place=place,
        content=content,
    )


def payload_for(challenge: Challenge) -> dict[str, Any]:
    """What is sent to the challenge's URL (RFC 8555 §7.5.1): an empty object for all types here."""
    return {}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One challenge with all that its answer is made of."""

    challenge: Challenge
    identifier: Identifier
    wildcard: bool
    options: Mapping[str, str]
    jwk: Mapping[str, str]
    account_url: str
    meta: Meta

    def key_authorization(self) -> str:
        return key_authorization(self.challenge.token, self.jwk)


def _http01(asked: _Asked) -> tuple[str, str]:
    return http_path(asked.challenge.token), asked.key_authorization()


def _tls_alpn01(asked: _Asked) -> tuple[str, str]:
    return asked.identifier.server_name, asked.key_authorization()


def _dns01(asked: _Asked) -> tuple[str, str]:
    return dns01_name(asked.identifier), dns_value(asked.key_authorization())


def _dns_account01(asked: _Asked) -> tuple[str, str]:
    return dns_account_name(asked.identifier, asked.account_url), dns_value(asked.key_authorization())


def _dns_persist01(asked: _Asked) -> tuple[str, str]:
    record = persist_record(
        asked.challenge,
        asked.meta,
        asked.account_url,
        thumbprint(asked.jwk),
        asked.identifier,
        policy_wildcard=asked.wildcard or asked.options.get("wildcard", "").lower() in {"1", "true", "yes", "on"},
        persist_until=_persist_until(asked.options.get("persist_until", "")),
    )
    return persist_name(asked.identifier), record


def _persist_until(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise EvercertError(
            "bad-input", f"persist_until is a date, not {text[:60]!r}", hint="write 2027-12-31 or 2027-12-31T00:00:00Z"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ANSWERS: Final[Mapping[str, Callable[[_Asked], tuple[str, str]]]] = {
    "http-01": _http01,
    "tls-alpn-01": _tls_alpn01,
    "dns-01": _dns01,
    "dns-account-01": _dns_account01,
    "dns-persist-01": _dns_persist01,
}

CHALLENGE_TYPES: Final = tuple(_ANSWERS)
