"""What the simulated CA keeps, and what can be made to go wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evercert.acme import state, wire
from evercert.acme.problem import ProblemType
from evercert.base.names import Identifier

__all__ = ["Account", "Authorization", "Certificate", "Challenge", "Fault", "Order", "Refused", "moved"]


class Refused(Exception):
    """Answered as a problem document."""

    def __init__(self, type: ProblemType, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:  # noqa: A002 - as RFC 7807 calls it
        super().__init__(detail)
        self.type, self.detail, self.headers = type, detail, dict(headers or {})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request: it is lost before the CA acts, its answer is lost after the CA
    acted, or it is answered with `status`, `headers` and `body` and nothing is done."""

    kind: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def lost(cls) -> Fault:
        return cls("lost")

    @classmethod
    def unanswered(cls) -> Fault:
        return cls("unanswered")

    @classmethod
    def answered(cls, status: int, body: bytes = b"", **headers: str) -> Fault:
        return cls("answered", status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    @classmethod
    def refused(cls, type: ProblemType, detail: str = "", **headers: str) -> Fault:  # noqa: A002 - as RFC 7807 calls it
        body = json.dumps({"type": type.urn, "detail": detail}).encode()
        return cls.answered(type.value.status, body, **headers)


@dataclass
class Account:
    url: str
    jwk: dict[str, str]
    contact: tuple[str, ...]
    status: state.AccountStatus = "valid"
    orders: list[str] = field(default_factory=list)


@dataclass
class Authorization:
    url: str
    account: str
    identifier: Identifier
    expires: datetime
    status: state.AuthorizationStatus = "pending"
    challenges: list[Challenge] = field(default_factory=list)


@dataclass
class Challenge:
    url: str
    type: str
    token: str
    authorization: str
    status: state.ChallengeStatus = "pending"
    error: wire.ProblemDocument | None = None
    due: datetime | None = None


@dataclass
class Order:
    url: str
    account: str
    identifiers: tuple[Identifier, ...]
    authorizations: list[str]
    expires: datetime
    not_before: datetime | None
    not_after: datetime | None
    profile: str = ""
    replaces: str = ""
    status: state.OrderStatus = "pending"
    error: wire.ProblemDocument | None = None
    csr: bytes = b""
    certificate: str = ""
    due: datetime | None = None


@dataclass
class Certificate:
    url: str
    account: str
    spki: bytes
    leaf_der: bytes
    chains: list[str]
    order: str
    not_before: datetime
    not_after: datetime
    revoked: int | None = None


def moved(moves: state.Moves, status: str, after: Any) -> Any:
    """The status *after*, if it may follow."""
    if not state.may_follow(moves, status, after):
        raise RuntimeError(f"no status goes from {status} to {after}")
    return after
