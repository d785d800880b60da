"""What happened: one frozen type per kind, appended to the store's hash chain, never changed.

No event holds a secret, a key, or a peer's raw text.
"""

from __future__ import annotations

import msgspec

__all__ = [
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
    "IncidentAdvanced",
    "IncidentClosed",
    "IncidentOpened",
    "IncidentStalled",
    "IntentChanged",
    "IssuanceAbandoned",
    "IssuanceFailed",
    "LimitLearned",
    "OrderPlaced",
    "RenewalMoved",
    "RolledBack",
]


class _Event(msgspec.Struct, frozen=True, tag_field="kind", tag=lambda name: name):
    certificate: str = ""


class IntentChanged(_Event, frozen=True, tag="intent-changed"):
    change: str = ""


class OrderPlaced(_Event, frozen=True, tag="order-placed"):
    ca: str = ""
    order_url: str = ""
    replaces: str = ""
    adopted: bool = False


class IssuanceFailed(_Event, frozen=True, tag="issuance-failed"):
    code: str = ""
    message: str = ""
    retry_at: str = ""


class IssuanceAbandoned(_Event, frozen=True, tag="issuance-abandoned"):
    order_url: str = ""
    reason: str = ""


class CertificateIssued(_Event, frozen=True, tag="certificate-issued"):
    serial: str = ""
    fingerprint: str = ""
    not_after: str = ""


class Deployed(_Event, frozen=True, tag="deployed"):
    target: str = ""
    fingerprint: str = ""
    served: bool = False


class DeployFailed(_Event, frozen=True, tag="deploy-failed"):
    target: str = ""
    code: str = ""
    message: str = ""


class RolledBack(_Event, frozen=True, tag="rolled-back"):
    target: str = ""
    reason: str = ""


class RenewalMoved(_Event, frozen=True, tag="renewal-moved"):
    moment: str = ""
    explanation_url: str = ""


class CertificateRevoked(_Event, frozen=True, tag="certificate-revoked"):
    serial: str = ""
    reason: int = 0


class CertificateDeleted(_Event, frozen=True, tag="certificate-deleted"):
    pass


class AccountChanged(_Event, frozen=True, tag="account-changed"):
    ca: str = ""
    account_url: str = ""
    change: str = ""


class CertificateStopped(_Event, frozen=True, tag="certificate-stopped"):
    reason: str = ""


class CertificateResumed(_Event, frozen=True, tag="certificate-resumed"):
    pass


class CaPassedOver(_Event, frozen=True, tag="ca-passed-over"):
    """The certificate is asked of the next of its CAs."""

    ca: str = ""
    verdict: str = ""
    reason: str = ""
    next_ca: str = ""


class CaDoesNotAnswer(_Event, frozen=True, tag="ca-does-not-answer"):
    ca: str = ""
    reason: str = ""


class CaAnswersAgain(_Event, frozen=True, tag="ca-answers-again"):
    ca: str = ""
    down_since: str = ""


class LimitLearned(_Event, frozen=True, tag="limit-learned"):
    """A CA said that one of its limits is used up."""

    ca: str = ""
    limit: str = ""
    subject: str = ""
    until: str = ""


class IncidentOpened(_Event, frozen=True, tag="incident-opened"):
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
    | IncidentAdvanced
    | IncidentClosed
    | IncidentOpened
    | IncidentStalled
    | IntentChanged
    | IssuanceAbandoned
    | IssuanceFailed
    | LimitLearned
    | OrderPlaced
    | RenewalMoved
    | RolledBack
)
