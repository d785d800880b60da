"""What goes over the admin API: the documents that are shown, and those that are taken."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from evercert.ca.nouns import Account, Certificate
from evercert.ca.operating.office import state_of
from evercert.ca.store.crls import PublishedList
from evercert.ca.store.eab import ExternalKey
from evercert.config.toml import Duration

__all__ = [
    "AccountList",
    "AccountShown",
    "AuditList",
    "Bucket",
    "BucketList",
    "CertificateList",
    "CertificateShown",
    "CertificateWhole",
    "Closing",
    "Counted",
    "Declaring",
    "FindAccounts",
    "FindBuckets",
    "FindCertificates",
    "FindRecords",
    "HandedOutKey",
    "HandingOut",
    "IncidentShown",
    "Incidents",
    "IssuerShown",
    "Issuers",
    "KeyList",
    "KeyShown",
    "ListShown",
    "Lists",
    "NothingMore",
    "PauseList",
    "PauseShown",
    "ProfileShown",
    "Profiles",
    "Proving",
    "RecordShown",
    "Revoking",
    "Unpausing",
    "account_shown",
    "certificate_shown",
    "key_shown",
    "list_shown",
]

_Limit = Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")]
_Text = Annotated[str, msgspec.Meta(max_length=300)]
_Cursor = Annotated[str, msgspec.Meta(max_length=100, description="`next` of the page before.")]

# RFC 5280 §5.3.1, but for the two that revoke nothing.
_Reason = Literal[0, 1, 2, 3, 4, 5, 6, 9, 10]

# As text: these numbers are larger than what JavaScript and some JSON tools count to.
_Number = Annotated[str, msgspec.Meta(description="A number, as text.")]

_NONE: Final = ""


class _Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not known is a mistake."""


class CertificateShown(msgspec.Struct, frozen=True):
    serial: str
    state: Literal["valid", "revoked", "expired"]
    names: list[str]
    profile: str
    issuer: str
    account: _Number
    order: _Number
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    revoked_at: datetime | None
    reason: int | None
    replaced: bool


class CertificateWhole(CertificateShown, frozen=True):
    pem: str


class CertificateList(msgspec.Struct, frozen=True):
    items: list[CertificateShown]
    next: str = _NONE


class FindCertificates(_Taken, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=300, description="Of that name; * for anything.")] = ""
    serial: Annotated[str, msgspec.Meta(max_length=40, description="Whose serial number begins like that.")] = ""
    profile: _Text = ""
    issuer: _Text = ""
    account: _Text = ""
    state: Literal["all", "valid", "revoked"] = "all"
    limit: _Limit = 100
    before: _Cursor = _NONE


class Revoking(_Taken, frozen=True):
    reason: Annotated[_Reason, msgspec.Meta(description="RFC 5280 section 5.3.1.")] = 0


class AccountShown(msgspec.Struct, frozen=True):
    id: _Number
    status: str
    thumbprint: str
    contacts: list[str]
    external_account: str
    created_at: datetime


class AccountList(msgspec.Struct, frozen=True):
    items: list[AccountShown]
    next: str = _NONE


class FindAccounts(_Taken, frozen=True):
    limit: _Limit = 100
    before: _Cursor = _NONE


class KeyShown(msgspec.Struct, frozen=True):
    kid: str
    label: str
    in_use: bool
    reusable: bool
    authorizes: bool
    names: Any
    profiles: list[str]
    uses: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyList(msgspec.Struct, frozen=True):
    items: list[KeyShown]


class HandingOut(_Taken, frozen=True):
    label: _Text = ""
    reusable: bool = False
    authorizes: bool = False
    names: Annotated[list[_Text], msgspec.Meta(max_length=1000)] = []
    profiles: Annotated[list[_Text], msgspec.Meta(max_length=100)] = []
    expires: Duration | None = None


class HandedOutKey(msgspec.Struct, frozen=True):
    kid: str
    hmac_key: Annotated[str, msgspec.Meta(description="Shown this once.")]


class ProfileShown(msgspec.Struct, frozen=True):
    name: str
    description: str
    fields: Annotated[dict[str, Any], msgspec.Meta(description="Everything that it decides.")]


class Profiles(msgspec.Struct, frozen=True):
    items: list[ProfileShown]


class IncidentShown(msgspec.Struct, frozen=True):
    explanation: str
    start: datetime
    end: datetime
    certificates: int
    replaced: int


class Incidents(msgspec.Struct, frozen=True):
    items: list[IncidentShown]


class Declaring(_Taken, frozen=True):
    explanation: Annotated[str, msgspec.Meta(max_length=500, description="A URL that holders are shown.")]
    within: Duration
    name: _Text = ""
    serial: _Text = ""
    profile: _Text = ""
    issuer: _Text = ""
    account: _Text = ""


class Closing(_Taken, frozen=True):
    explanation: Annotated[str, msgspec.Meta(max_length=500)]


class Counted(msgspec.Struct, frozen=True):
    certificates: int


class RecordShown(msgspec.Struct, frozen=True):
    id: int
    at: datetime
    kind: str
    body: dict[str, Any]


class AuditList(msgspec.Struct, frozen=True):
    items: list[RecordShown]
    next: str = _NONE


class FindRecords(_Taken, frozen=True):
    kind: Annotated[str, msgspec.Meta(max_length=60)] = ""
    limit: _Limit = 100
    before: Annotated[int, msgspec.Meta(ge=0, description="`next` of the page before.")] = 0


class Proving(_Taken, frozen=True):
    id: Annotated[int, msgspec.Meta(ge=0, description="Of a record that is known from elsewhere; 0: none.")] = 0
    hash: Annotated[str, msgspec.Meta(max_length=64)] = ""


class IssuerShown(msgspec.Struct, frozen=True):
    name: str
    active: bool
    key: str
    not_before: datetime
    not_after: datetime
    chains: int


class Issuers(msgspec.Struct, frozen=True):
    items: list[IssuerShown]


class Bucket(msgspec.Struct, frozen=True):
    limit: str
    key: str
    taken: int
    count: int
    seconds: int
    full_at: datetime
    is_overridden: bool
    names: Annotated[tuple[str, ...], msgspec.Meta(description="Those of a set, where they are known.")] = ()


class BucketList(msgspec.Struct, frozen=True):
    items: list[Bucket]


class FindBuckets(_Taken, frozen=True):
    about: Annotated[str, msgspec.Meta(max_length=300, description="Part of a limit's name or of its key.")] = ""
    limit: _Limit = 100


class PauseShown(msgspec.Struct, frozen=True):
    account: _Number
    identifier: str
    failures: int
    paused_at: datetime


class PauseList(msgspec.Struct, frozen=True):
    items: list[PauseShown]


class Unpausing(_Taken, frozen=True):
    account: _Text
    identifier: _Text


class ListShown(msgspec.Struct, frozen=True):
    issuer: str
    partition: int
    delta: bool
    number: int
    this_update: datetime
    next_update: datetime
    entries: int
    octets: int


class Lists(msgspec.Struct, frozen=True):
    items: list[ListShown]


class NothingMore(msgspec.Struct, frozen=True):
    """It is done."""


def certificate_shown(certificate: Certificate, now: datetime) -> CertificateShown:
    return CertificateShown(
        serial=certificate.serial,
        state=state_of(certificate, now),
        names=[str(each) for each in certificate.identifiers],
        profile=certificate.profile,
        issuer=certificate.issuer,
        account=str(certificate.account_id),
        order=str(certificate.order_id),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        issued_at=certificate.issued_at,
        revoked_at=certificate.revoked_at,
        reason=certificate.reason,
        replaced=certificate.replaced_by is not None,
    )


def account_shown(account: Account) -> AccountShown:
    return AccountShown(
        str(account.id), account.status, account.thumbprint, list(account.contacts), account.eab_kid, account.created_at
    )


def list_shown(made: PublishedList) -> ListShown:
    return ListShown(
        issuer=made.key.issuer,
        partition=made.key.partition,
        delta=made.key.delta,
        number=made.number,
        this_update=made.this_update,
        next_update=made.next_update,
        entries=made.entries,
        octets=made.octets,
    )


def key_shown(key: ExternalKey, now: datetime) -> KeyShown:
    return KeyShown(
        kid=key.kid,
        label=key.label,
        in_use=key.is_good(now),
        reusable=key.reusable,
        authorizes=key.authorizes,
        names=msgspec.json.decode(key.names) if key.names else None,
        profiles=list(key.profiles),
        uses=key.uses,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
