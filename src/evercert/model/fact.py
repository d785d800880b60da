"""What is true now, as the store remembers it: certificates, issuances, deployments, accounts.

Issued, deployed and served are three facts. A certificate that was issued may not be
installed, and one that was installed may not be served.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

import msgspec

from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice, OnRemoval

__all__ = [
    "Account",
    "AccountStatus",
    "Cause",
    "CertificateFact",
    "DeployStatus",
    "Deployment",
    "Failure",
    "Hold",
    "InUse",
    "Issuance",
    "IssuanceStatus",
    "IssuedCertificate",
    "LeftOut",
    "Outage",
    "Presented",
    "Renewal",
    "Stop",
    "Trial",
    "Verdict",
]


class AccountStatus(Enum):
    VALID = "valid"
    DEACTIVATED = "deactivated"
    REVOKED = "revoked"


class Account(msgspec.Struct, frozen=True):
    """An account at a CA. `url` is empty until the CA has answered newAccount; the key
    (`key_id` in the store) is durable before it is asked. `next_key_id` is set while a key
    rollover's outcome is unknown: either key may be the right one. `eab_kid` is the external
    account that it was made with, if that is known."""

    id: int
    ca: str
    name: str
    key_id: int
    url: str = ""
    status: AccountStatus = AccountStatus.VALID
    contacts: tuple[str, ...] = ()
    next_key_id: int | None = None
    eab_kid: str = ""


class Failure(msgspec.Struct, frozen=True):
    """The last thing that went wrong, as it is shown to a user. Holds no secret."""

    code: str
    message: str
    at: datetime
    hint: str = ""


class IssuanceStatus(Enum):
    """Where an issuance stands; each is durable before the next outside effect (design law 3)."""

    KEYED = "keyed"  # key and CSR are kept; nothing was sent
    PLACING = "placing"  # newOrder may have been sent; its URL is not known
    ORDERED = "ordered"  # the order's URL is kept
    ISSUED = "issued"  # the certificate is kept
    ABANDONED = "abandoned"  # given up, with its reason; another issuance may start


class Cause(Enum):
    """Why an issuance was begun; its renewal is timed, and a loop is recognized, by it."""

    FIRST = "first"  # there was no certificate
    DUE = "due"  # its predecessor's time had come, by ARI or by its life
    REVOKED = "revoked"  # its predecessor was revoked
    ASKED = "asked"  # a person's `renew --force`, or a changed intent
    INCIDENT = "incident"  # an incident has its predecessor replaced


class Issuance(msgspec.Struct, frozen=True):
    """One way from an intent to a certificate: the same key, CSR, order and `replaces`
    however often the process dies on the way."""

    id: int
    certificate: str
    account_id: int
    status: IssuanceStatus
    key_id: int | None
    csr: bytes
    created_at: datetime
    order_url: str = ""
    replaces: str = ""
    profile: str = ""


class Presented(msgspec.Struct, frozen=True):
    """A challenge response that was, or is about to be, put where the CA will look.

    Written before it is presented and removed after it was taken away, so that what a dead
    process left behind is found. `reference` is the solver's own note for taking it away.
    """

    id: int
    issuance_id: int
    identifier_type: str
    identifier: str
    challenge_type: str
    challenge_url: str
    token: str
    solver: str
    options: dict[str, str]
    # The DNS name or URL path where it stands, and what stands there.
    place: str
    content: str
    reference: str = ""


class IssuedCertificate(msgspec.Struct, frozen=True):
    """A certificate that a CA issued to us. `ari_id` is RFC 9773 §4.1's identifier."""

    id: int
    certificate: str
    issuance_id: int | None
    key_id: int | None
    serial: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    issuer: str
    ari_id: str
    issued_at: datetime
    revoked_at: datetime | None = None
    # What it is for; not known of those that an early version kept.
    names: tuple[str, ...] = ()

    @property
    def lifetime(self) -> timedelta:
        return self.not_after - self.not_before


class Renewal(msgspec.Struct, frozen=True):
    """What the CA suggests for a certificate (RFC 9773), and the moment drawn inside it once."""

    window_start: datetime
    window_end: datetime
    moment: datetime
    poll_at: datetime
    explanation_url: str = ""


class DeployStatus(Enum):
    PENDING = "pending"  # somebody wants it installed again
    INSTALLED = "installed"  # swapped and reloaded; no handshake has proved it
    SERVED = "served"  # a handshake on every address returned this certificate
    FAILED = "failed"


class InUse(msgspec.Struct, frozen=True):
    """What a target has for as long as it is given nothing newer: one that was issued, by what it is good for."""

    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    # Of the window in which its CA wanted it renewed (RFC 9773), where it named one.
    window_end: datetime | None = None
    # An incident has it replaced.
    in_incident: bool = False
    # Its number; 0 where nothing more is kept of it.
    issued_id: int = 0


class Deployment(msgspec.Struct, frozen=True):
    """One target's state: which issued certificate it was last given, how that went, and which one it has (None: none
    of ours was ever installed there)."""

    certificate: str
    target: str
    issued_id: int
    status: DeployStatus
    changed_at: datetime
    failures: int = 0
    retry_at: datetime | None = None
    failure: Failure | None = None
    detail: str = ""
    in_use: InUse | None = None


class Verdict(Enum):
    """Why a CA did not issue, as far as it matters for what is done next."""

    OUTAGE = "outage"  # it does not answer, or answers that it cannot: every certificate's matter
    LIMITED = "limited"  # one of its limits is used up: there is nothing wrong with the certificate
    REFUSED = "refused"  # it will not issue this one; asking it again soon is no use
    FAILED = "failed"  # the attempt failed, perhaps by us: a challenge, DNS, the order


class Trial(msgspec.Struct, frozen=True):
    """What came of asking one CA (a directory) by one account for a certificate, since it last issued one."""

    ca: str
    verdict: Verdict
    failures: int
    # Not asked again before.
    until: datetime
    message: str = ""
    # Empty for one that was kept when the account did not matter: it is of whichever is asked there.
    account: str = ""

    def is_of(self, choice: CaChoice) -> bool:
        return self.ca == choice.directory and self.account in {"", choice.account}


class LeftOut(msgspec.Struct, frozen=True):
    """One of those that a merged certificate is made of, and without which it is issued for now: its names failed, the
    last time like that. It is not tried again before `until`."""

    member: str
    failures: int
    until: datetime
    failure: Failure


class Outage(msgspec.Struct, frozen=True):
    """A CA (a directory) that does not answer: how often in a row it was asked in vain, since when."""

    ca: str
    failures: int
    since: datetime
    # One certificate asks it again then, for all.
    until: datetime
    message: str = ""

    @property
    def is_down(self) -> bool:
        """A lost connection happens, and so does a restart; from the fourth one in a row on, more than a minute after
        the first, it counts."""
        return self.failures >= 4


class Hold(msgspec.Struct, frozen=True):
    """Why a certificate waits although nothing failed: a limit, in words, and when there is room again."""

    until: datetime
    limit: str
    ca: str = ""
    # It is called in before, when it is its turn.
    in_line: bool = False
    # Somebody has it looked at before its turn, which stays its own.
    place: datetime | None = None


class Stop(msgspec.Struct, frozen=True):
    """Why no CA is asked for a certificate until a person says so: the loop-breaker's reason, or his own."""

    reason: str
    at: datetime


class CertificateFact(msgspec.Struct, frozen=True):
    """All that the planner needs to know of one certificate."""

    intent: CertificateIntent
    current: IssuedCertificate | None = None
    open_issuance: Issuance | None = None
    renewal: Renewal | None = None
    # When renewal information is next asked for, although the CA gave no window (yet).
    ari_poll_at: datetime | None = None
    deployments: tuple[Deployment, ...] = ()
    leftovers: tuple[Presented, ...] = ()
    failures: int = 0
    retry_at: datetime | None = None
    failure: Failure | None = None
    # A user's `renew --force`, or a changed intent: issue although nothing is due.
    forced: bool = False
    created_at: datetime | None = None
    # It is declared no longer, and is to go.
    leaving: OnRemoval | None = None
    hold: Hold | None = None
    stopped: Stop | None = None
    # One per CA that was tried in vain since the current certificate was issued.
    trials: tuple[Trial, ...] = ()
    # Of a merged certificate: whose names failed. What is past says nothing of those that stand in the current one.
    left_out: tuple[LeftOut, ...] = ()
    # A second issuance at another CA, beside `open_issuance`, where the end is near.
    rival: Issuance | None = None
    # When an order that was given up is withdrawn at its CA.
    withdraw_at: datetime | None = None
    # The incident that has the current certificate replaced.
    incident_id: int | None = None
    # Whom it has asked first, before the intent's CAs.
    incident_ca: CaChoice | None = None
    # The current certificate came when the one before it was due, not at a moment that many may share.
    on_schedule: bool = False
    # One that was current before, and that others obtained: they may have installed it where none of ours was. Or one
    # that an incident has replaced.
    before: InUse | None = None

    @property
    def cause(self) -> Cause:
        """Why the next issuance is begun, if one is begun now."""
        if self.current is None:
            return Cause.FIRST
        if self.current.revoked_at is not None:
            return Cause.REVOKED
        if self.incident_id is not None:
            return Cause.INCIDENT
        return Cause.ASKED if self.forced else Cause.DUE
