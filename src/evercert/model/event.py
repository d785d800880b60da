"""What happened: one frozen type per kind, appended to the store's hash chain, never changed.

No event holds a secret, a key, or a peer's raw text.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final, get_args

import msgspec

__all__ = [
    "KINDS",
    "AccountChanged",
    "CaAnswersAgain",
    "CaDoesNotAnswer",
    "CaPassedOver",
    "CertificateDeleted",
    "CertificateIssued",
    "CertificateResumed",
    "CertificateRevoked",
    "CertificateStopped",
    "DeployFailed",
    "Deployed",
    "Event",
    "HookGivenUp",
    "IncidentAdvanced",
    "IncidentClosed",
    "IncidentOpened",
    "IncidentStalled",
    "IntentChanged",
    "IssuanceAbandoned",
    "IssuanceFailed",
    "LimitLearned",
    "MemberLeftOut",
    "OrderPlaced",
    "RenewalMoved",
    "RolledBack",
    "kinds_like",
]


class _Event(msgspec.Struct, frozen=True, tag_field="kind", tag=lambda name: name):
    certificate: str = ""


class IntentChanged(_Event, frozen=True, tag="intent-changed"):
    """What is wanted changed, by a command or a declaration."""

    change: str = ""


class OrderPlaced(_Event, frozen=True, tag="order-placed"):
    """An order stands at the CA: a new one, or one that was found there again (`adopted`)."""

    ca: str = ""
    order_url: str = ""
    replaces: str = ""
    adopted: bool = False


class IssuanceFailed(_Event, frozen=True, tag="issuance-failed"):
    """An attempt failed; the next one is at `retry_at`."""

    code: str = ""
    message: str = ""
    retry_at: str = ""


class IssuanceAbandoned(_Event, frozen=True, tag="issuance-abandoned"):
    """An attempt was given up, and its order with it."""

    order_url: str = ""
    reason: str = ""


class CertificateIssued(_Event, frozen=True, tag="certificate-issued"):
    """A certificate was issued and is kept; nothing is said about its being served."""

    serial: str = ""
    fingerprint: str = ""
    not_after: str = ""


class Deployed(_Event, frozen=True, tag="deployed"):
    """It was installed, and seen by a handshake if `served`."""

    target: str = ""
    fingerprint: str = ""
    served: bool = False


class DeployFailed(_Event, frozen=True, tag="deploy-failed"):
    """It could not be installed; what was there before is in place."""

    target: str = ""
    code: str = ""
    message: str = ""


class RolledBack(_Event, frozen=True, tag="rolled-back"):
    """What was installed before was put back."""

    target: str = ""
    reason: str = ""


class RenewalMoved(_Event, frozen=True, tag="renewal-moved"):
    """The CA said when to renew (RFC 9773), and that is another moment than before."""

    moment: str = ""
    explanation_url: str = ""


class CertificateRevoked(_Event, frozen=True, tag="certificate-revoked"):
    """It was revoked at its CA."""

    serial: str = ""
    reason: int = 0


class CertificateDeleted(_Event, frozen=True, tag="certificate-deleted"):
    """It was forgotten, and its key with it."""

    owner: str = ""
    tags: tuple[str, ...] = ()


class AccountChanged(_Event, frozen=True, tag="account-changed"):
    """An account at a CA was made or changed."""

    ca: str = ""
    account_url: str = ""
    change: str = ""


class CertificateStopped(_Event, frozen=True, tag="certificate-stopped"):
    """No CA is asked for it any more, until somebody resumes it."""

    reason: str = ""


class CertificateResumed(_Event, frozen=True, tag="certificate-resumed"):
    """It was stopped, and goes on."""


class CaPassedOver(_Event, frozen=True, tag="ca-passed-over"):
    """One of its CAs is not asked now, and the next one is."""

    ca: str = ""
    verdict: str = ""
    reason: str = ""
    next_ca: str = ""
    account: str = ""
    next_account: str = ""


class CaDoesNotAnswer(_Event, frozen=True, tag="ca-does-not-answer"):
    """A CA does not answer: from here on one certificate asks it now and then, for all."""

    ca: str = ""
    reason: str = ""


class CaAnswersAgain(_Event, frozen=True, tag="ca-answers-again"):
    """A CA that did not answer does again."""

    ca: str = ""
    down_since: str = ""


class MemberLeftOut(_Event, frozen=True, tag="member-left-out"):
    """A merged certificate goes without one of those that it is made of, whose names failed."""

    member: str = ""
    code: str = ""
    message: str = ""
    retry_at: str = ""


class LimitLearned(_Event, frozen=True, tag="limit-learned"):
    """A CA said that one of its limits is used up."""

    ca: str = ""
    limit: str = ""
    subject: str = ""
    until: str = ""


class HookGivenUp(_Event, frozen=True, tag="hook-given-up"):
    """A hook took nothing for a week, from the event `event_id` on, and is told of nothing until `hooks retry`."""

    hook: str = ""
    event_id: int = 0
    failing_since: str = ""
    code: str = ""
    message: str = ""


class IncidentOpened(_Event, frozen=True, tag="incident-opened"):
    """Certificates are to be replaced together."""

    incident: int = 0
    reason: str = ""
    certificates: int = 0


class IncidentAdvanced(_Event, frozen=True, tag="incident-advanced"):
    """A wave of replacements has begun."""

    incident: int = 0
    wave: int = 0
    certificates: int = 0


class IncidentStalled(_Event, frozen=True, tag="incident-stalled"):
    """No further wave of replacements is begun."""

    incident: int = 0
    reason: str = ""


class IncidentClosed(_Event, frozen=True, tag="incident-closed"):
    """All of its certificates were replaced, or somebody ended it."""

    incident: int = 0
    outcome: str = ""


Event = (
    AccountChanged
    | CaAnswersAgain
    | CaDoesNotAnswer
    | CaPassedOver
    | CertificateDeleted
    | CertificateIssued
    | CertificateResumed
    | CertificateRevoked
    | CertificateStopped
    | DeployFailed
    | Deployed
    | HookGivenUp
    | IncidentAdvanced
    | IncidentClosed
    | IncidentOpened
    | IncidentStalled
    | IntentChanged
    | IssuanceAbandoned
    | IssuanceFailed
    | LimitLearned
    | MemberLeftOut
    | OrderPlaced
    | RenewalMoved
    | RolledBack
)

KINDS: Final[dict[str, type[msgspec.Struct]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}


def kinds_like(pattern: str) -> frozenset[str]:
    """The kinds that the shell pattern is about; none where it is a word for nothing."""
    return frozenset(kind for kind in KINDS if fnmatchcase(kind, pattern))
