"""What goes over the wire (RFC 8555 §7.1 and its extensions), as frozen values.

Rules of this file:

* A resource is decoded by `decode` alone, which bounds it and normalises its identifiers.
* What we do not know is kept in `extra`; what a server leaves out or sends as null is the default.
* `url`, `retry_after` and `extra` are ours: a server cannot set them (a challenge's `url` apart).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from evercert.acme.foreign import shown
from evercert.acme.state import AccountStatus, AuthorizationStatus, ChallengeStatus, OrderStatus
from evercert.base.errors import EvercertError, Retry
from evercert.base.names import Identifier, parse_identifier

__all__ = [
    "Account",
    "Authorization",
    "Challenge",
    "Directory",
    "Meta",
    "Order",
    "OrderList",
    "ProblemDocument",
    "RenewalInfo",
    "Resource",
    "Window",
    "decode",
    "directory_urls",
    "encode",
]

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Urls = Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)]
_Texts = Annotated[tuple[str, ...], msgspec.Meta(max_length=100)]


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Something that a server shows at a URL. `retry_after` is what its response asked for."""

    url: str = ""
    retry_after: timedelta | None = None
    extra: dict[str, Any] = {}

    def server_urls(self) -> Iterable[str]:
        """The URLs in it to which a request may be sent; to be checked before it is used."""
        return ()


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 7807 with RFC 8555 §6.7.1's subproblems, as it was sent. `problem.Problem` is its error."""

    type: str = "about:blank"
    detail: str = ""
    title: str = ""
    status: int | None = None
    instance: str = ""
    identifier: dict[str, str] | None = None
    subproblems: Annotated[tuple[ProblemDocument, ...], msgspec.Meta(max_length=1000)] = ()

    def __str__(self) -> str:
        kind = self.type.rpartition(":")[2]
        return shown(f"{kind}: {self.detail or self.title}", 500)


class Meta(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a directory says about its CA (§7.1.1; registry "ACME Directory Metadata Fields")."""

    terms_of_service: str = ""
    website: str = ""
    caa_identities: _Texts = ()
    external_account_required: bool = False
    subdomain_auth_allowed: bool = False
    allow_certificate_get: bool = msgspec.field(default=False, name="allow-certificate-get")
    profiles: dict[str, str] = {}
    # draft-ietf-acme-dns-persist-02
    issuer_domain_names: _Texts = ()
    account_hash_prefix: str = ""

    def profile_for(self, wanted: str, *, required: bool) -> str:
        """The profile to order with, or "" for the CA's default: a client should not ask for one that
        is not listed (draft-ietf-acme-profiles §4). Raises `ca-refused` where it is *required*."""
        if not wanted or wanted in self.profiles:
            return wanted
        if not required:
            return ""
        listed = ", ".join(sorted(self.profiles))
        raise EvercertError(
            "ca-refused",
            f"the CA does not offer the profile {wanted!r}",
            hint=f"it offers {shown(listed)}" if listed else "it offers no profiles at all",
            retry=Retry.NEVER,
        )


class Directory(Resource, frozen=True, kw_only=True):
    """Where to send what (§7.1.1). What a CA does not offer is empty."""

    new_nonce: str
    new_account: str
    new_order: str
    revoke_cert: str = ""
    key_change: str = ""
    new_authz: str = ""
    renewal_info: str = ""
    meta: Meta = Meta()

    def server_urls(self) -> Iterable[str]:
        return filter(None, directory_urls(self).values())


class Account(Resource, frozen=True, kw_only=True):
    """§7.1.2."""

    status: AccountStatus
    contact: _Texts = ()
    terms_of_service_agreed: bool = False
    orders: str = ""

    def server_urls(self) -> Iterable[str]:
        return filter(None, (self.orders,))


class Order(Resource, frozen=True, kw_only=True):
    """§7.1.3; `replaces` is RFC 9773's, `profile` draft-ietf-acme-profiles'."""

    status: OrderStatus
    identifiers: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=1000)]
    finalize: str
    authorizations: _Urls = ()
    expires: _Moment | None = None
    not_before: _Moment | None = None
    not_after: _Moment | None = None
    error: ProblemDocument | None = None
    certificate: str = ""
    profile: str = ""
    replaces: str = ""

    def server_urls(self) -> Iterable[str]:
        return filter(None, (self.finalize, self.certificate, *self.authorizations))


class Challenge(Resource, frozen=True, kw_only=True):
    """§8. Types that we do not know are kept and never chosen."""

    type: str
    status: ChallengeStatus = "pending"
    validated: _Moment | None = None
    error: ProblemDocument | None = None
    token: str = ""
    # dns-persist-01: drafts -00 and -01 write the first, -02 the second; `accounturi` is -01's.
    issuer_domain_names_01: _Texts = msgspec.field(default=(), name="issuer-domain-names")
    issuer_domain_names: _Texts = ()
    accounturi: str = ""

    def server_urls(self) -> Iterable[str]:
        return (self.url,)


class Authorization(Resource, frozen=True, kw_only=True):
    """§7.1.4. `identifier` has no `*.`: `wildcard` says that it is for one."""

    identifier: Identifier
    status: AuthorizationStatus
    expires: _Moment | None = None
    challenges: Annotated[tuple[Challenge, ...], msgspec.Meta(max_length=50)] = ()
    wildcard: bool = False

    def server_urls(self) -> Iterable[str]:
        return (challenge.url for challenge in self.challenges)


class OrderList(Resource, frozen=True, kw_only=True):
    """One page of an account's orders (§7.1.2.1)."""

    orders: Annotated[tuple[str, ...], msgspec.Meta(max_length=10_000)]

    def server_urls(self) -> Iterable[str]:
        return self.orders


class Window(msgspec.Struct, frozen=True):
    """RFC 9773 §4.2: when the CA would like a certificate to be renewed."""

    start: _Moment
    end: _Moment


class RenewalInfo(Resource, frozen=True, kw_only=True):
    """RFC 9773 §4.2; `retry_after` is when to ask again (§4.3) and always known here."""

    suggested_window: Window
    explanation_url: str = msgspec.field(default="", name="explanationURL")

    @property
    def window_start(self) -> datetime:
        return self.suggested_window.start

    @property
    def window_end(self) -> datetime:
        return self.suggested_window.end


_T = TypeVar("_T", bound=Resource)

_KINDS: tuple[type[Resource], ...] = (Directory, Account, Order, Challenge, Authorization, OrderList, RenewalInfo)
_KNOWN = {kind: frozenset(field.encode_name for field in msgspec.structs.fields(kind)) for kind in _KINDS}


def decode(kind: type[_T], body: bytes, *, url: str = "", retry_after: timedelta | None = None) -> _T:
    """The resource that *body* is, seen at *url*. Raises `bad-answer`, whatever the body is."""
    try:
        document = msgspec.json.decode(body)
        resource = _resource(kind, _without_nulls(document) if b"null" in body else document)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # `UnicodeDecodeError` is a ValueError, and nesting deeper than the stack a RecursionError.
        fault = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error))
        raise EvercertError(
            "bad-answer", f"the server's answer is not {_named(kind)}: {fault}", hint="is this the URL of an ACME CA?"
        ) from error
    if not isinstance(resource, Challenge):
        resource = msgspec.structs.replace(resource, url=url)
    return msgspec.structs.replace(resource, retry_after=retry_after) if retry_after is not None else resource


def encode(resource: Resource) -> bytes:
    """The resource as a server sends it."""
    document = msgspec.to_builtins(resource)
    extra = document.pop("extra", {})
    document.pop("retryAfter", None)
    if not isinstance(resource, Challenge):
        document.pop("url", None)
    for challenge in document.get("challenges", ()):
        challenge.update(challenge.pop("extra", {}))
    return msgspec.json.encode(document | extra)


def _resource(kind: type[_T], document: object) -> _T:
    if not isinstance(document, dict):
        raise msgspec.ValidationError("it is not a JSON object")
    known = _KNOWN[kind]
    ours = {"retryAfter", "extra"} if kind is Challenge else {"url", "retryAfter", "extra"}
    fields = {name: value for name, value in document.items() if name in known and name not in ours}
    fields["extra"] = {name: value for name, value in document.items() if name not in known}
    return _normal(msgspec.convert(fields, kind, strict=False), document)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _normal(resource: _T, document: dict[str, Any]) -> _T:
    """The resource with its identifiers and moments in the form in which ours are, and challenges that keep
    what we do not know."""
    if isinstance(resource, Order):
        identifiers = tuple(_identifier(each) for each in resource.identifiers)
        return msgspec.structs.replace(resource, identifiers=identifiers)
    if isinstance(resource, Authorization):
        identifier = _identifier(resource.identifier)
        return msgspec.structs.replace(
            resource,
            identifier=Identifier(identifier.type, identifier.base),
            # Some servers leave the `*.` in the identifier, against §7.1.4.
            wildcard=resource.wildcard or identifier.wildcard,
            challenges=tuple(_resource(Challenge, each) for each in document.get("challenges", ())),
        )
    if isinstance(resource, RenewalInfo):
        window = Window(_utc(resource.window_start), _utc(resource.window_end))
        return msgspec.structs.replace(resource, suggested_window=window)
    return resource


def _utc(moment: datetime) -> datetime:
    """The same moment; the ends of the calendar are none in every zone, and whoever kept one could not read it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise msgspec.ValidationError("a moment is beyond the calendar") from error


def _identifier(sent: Identifier) -> Identifier:
    try:
        identifier = parse_identifier(sent.value)
    except EvercertError as error:
        raise msgspec.ValidationError(error.message) from error
    if identifier.type != sent.type:
        raise msgspec.ValidationError(f"{shown(sent.value)!r} is no {sent.type} identifier")
    return identifier


def _named(kind: type[Resource]) -> str:
    noun = {OrderList: "a list of orders", RenewalInfo: "renewal information"}.get(kind)
    word = kind.__name__.lower()
    return noun or f"{'an' if word[0] in 'ao' else 'a'} {word}"


def directory_urls(directory: Directory) -> dict[str, str]:
    """The directory's URLs by the names that RFC 8555 gives them; "" for what is not offered."""
    return {
        "newNonce": directory.new_nonce,
        "newAccount": directory.new_account,
        "newOrder": directory.new_order,
        "revokeCert": directory.revoke_cert,
        "keyChange": directory.key_change,
        "newAuthz": directory.new_authz,
        "renewalInfo": directory.renewal_info,
    }
