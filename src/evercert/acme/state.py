"""Statuses, and which may follow which (RFC 8555 §7.1.6).

Rules of this file:

* Everything that is true of a status's moves stands here and nowhere else.
* It does not know who reads it: a client and a CA are held to the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

__all__ = [
    "ACCOUNT",
    "AUTHORIZATION",
    "CHALLENGE",
    "ORDER",
    "AccountStatus",
    "AuthorizationStatus",
    "ChallengeStatus",
    "Moves",
    "OrderStatus",
    "is_final",
    "may_follow",
]

AccountStatus = Literal["valid", "deactivated", "revoked"]
OrderStatus = Literal["pending", "ready", "processing", "valid", "invalid"]
AuthorizationStatus = Literal["pending", "valid", "invalid", "deactivated", "expired", "revoked"]
ChallengeStatus = Literal["pending", "processing", "valid", "invalid"]

Moves = Mapping[str, frozenset[str]]


def _moves(**table: str) -> Moves:
    return MappingProxyType({status: frozenset(after.split()) for status, after in table.items()})


# A client may deactivate its account, a server may revoke it; neither is taken back.
ACCOUNT: Final = _moves(
    valid="deactivated revoked",
    deactivated="",
    revoked="",
)

# "ready" goes back to "pending" nowhere: an authorization that expires makes the order invalid.
ORDER: Final = _moves(
    pending="ready invalid",
    ready="processing valid invalid",
    processing="valid invalid",
    valid="",
    invalid="",
)

AUTHORIZATION: Final = _moves(
    pending="valid invalid deactivated expired",
    valid="expired deactivated revoked",
    invalid="",
    deactivated="",
    expired="",
    revoked="",
)

# A server that tries again by itself keeps a challenge at "processing" (§8.2).
CHALLENGE: Final = _moves(
    pending="processing valid invalid",
    processing="valid invalid",
    valid="",
    invalid="",
)


def may_follow(moves: Moves, status: str, after: str) -> bool:
    """Whether *after* comes directly after *status*."""
    return after in moves[status]


def is_final(moves: Moves, status: str) -> bool:
    """Whether nothing ever comes after *status*."""
    return not moves[status]
