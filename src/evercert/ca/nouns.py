"""What the CA keeps and shows: accounts, orders, authorizations, certificates. Frozen values.

A status is the one that RFC 8555 §7.1.6 shows, derived from what the store holds and the time, so that nothing has to
be written for an order to become ready or an authorization to expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from evercert.acme.state import AccountStatus, AuthorizationStatus, ChallengeStatus
from evercert.acme.wire import ProblemDocument
from evercert.base.names import Identifier

__all__ = ["Account", "Authorization", "Certificate", "Order", "OrderStatus", "Recurrence"]

# RFC 8739 §3.1.1 adds one to RFC 8555's: a recurrent order that its owner has ended.
OrderStatus = str


class Account(msgspec.Struct, frozen=True):
    id: int
    jwk: Mapping[str, str]
    thumbprint: str
    status: AccountStatus
    contacts: tuple[str, ...]
    terms_agreed: bool
    eab_kid: str
    created_at: datetime


class Authorization(msgspec.Struct, frozen=True):
    """One account's right to one identifier, or its way there. Its challenges share one token, and the first that is
    answered decides."""

    id: int
    account_id: int
    identifier: Identifier
    profile: str
    stored_status: AuthorizationStatus
    token: str
    offered: tuple[str, ...]
    attempted: str
    attempted_at: datetime | None
    validated_at: datetime | None
    error: ProblemDocument | None
    expires_at: datetime
    subdomains: bool = False
    response: str = ""
    evidence: str = ""
    # Of an attempt that a node is at: until when it is that node's. What it writes is fenced by this.
    turn: datetime | None = None

    def status(self, now: datetime) -> AuthorizationStatus:
        if self.stored_status in {"pending", "valid"} and self.expires_at <= now:
            return "expired"
        return self.stored_status

    def challenge_status(self, challenge_type: str) -> ChallengeStatus:
        if challenge_type != self.attempted:
            return "pending"
        if self.stored_status == "pending":
            return "processing"
        return "valid" if self.validated_at is not None else "invalid"

    @property
    def shown_challenges(self) -> tuple[str, ...]:
        """All that may still be answered; once one has decided, that one alone (RFC 8555 §7.1.4)."""
        decided = self.attempted and self.stored_status != "pending"
        return (self.attempted,) if decided else self.offered


class Recurrence(msgspec.Struct, frozen=True):
    """RFC 8739: certificates one after the other without further orders."""

    start: datetime
    end: datetime
    lifetime: int
    adjust: int = 0
    allow_get: bool = False


class Order(msgspec.Struct, frozen=True):
    id: int
    account_id: int
    stored_status: OrderStatus
    identifiers: tuple[Identifier, ...]
    profile: str
    expires_at: datetime
    created_at: datetime
    authorizations: tuple[tuple[int, AuthorizationStatus, datetime], ...] = ()
    replaces: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    csr: bytes = b""
    certificate: str = ""
    error: ProblemDocument | None = None
    recurrence: Recurrence | None = None
    # Of an order that a node is at: until when it is that node's. What it writes is fenced by this.
    turn: datetime | None = None

    def status(self, now: datetime) -> OrderStatus:
        """RFC 8555 §7.1.6: ready once every authorization is valid, invalid once one of them cannot be any more."""
        if self.stored_status != "pending":
            return self.stored_status
        if self.expires_at <= now:
            return "invalid"
        statuses = {"expired" if expires <= now else status for _, status, expires in self.authorizations}
        if statuses <= {"valid"}:
            return "ready"
        return "pending" if statuses <= {"valid", "pending"} else "invalid"


class Certificate(msgspec.Struct, frozen=True):
    """What was signed, but for its bytes. `serial` is lower-case hex, `crl_partition` the part of its issuer's CRL that
    it points to (0: the whole)."""

    serial: str
    account_id: int
    order_id: int
    issuer: str
    profile: str
    identifiers: tuple[Identifier, ...]
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    key_digest: str
    revoked_at: datetime | None = None
    reason: int | None = None
    replaced_by: int | None = None
    window: tuple[datetime, datetime] | None = None
    explanation: str = ""
    crl_partition: int = 0
