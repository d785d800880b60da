"""The tables and keys of a declaration. `docs/declaration.md` lists them from here."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from evercert.config.declaration.words import LimitText, Moment, Span, WindowText
from evercert.model.terms import Criticality, OnRemoval
from evercert.pki.key_type import KeyType

__all__ = [
    "USUAL",
    "CaTable",
    "CertificateTable",
    "ChallengeTable",
    "DeclarationFile",
    "DefaultsTable",
    "DnsTable",
    "FreezeTable",
    "HookTable",
    "LimitsTable",
    "PolicyTable",
    "TargetTable",
    "Wishes",
]


# More are never at once, and the store has room for it.
_MANY: Final = 1_000_000


def _says(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a key that it does not know is a mistake."""


Option = str | int | float | bool
Options = Annotated[dict[str, Option], _says("the plugin's fields; a secret by reference (env:, file:, cred:, exec:)")]


class FreezeTable(_Strict, frozen=True, rename={"since": "from"}):
    """One of `freezes`."""

    since: Annotated[Moment, _says("its first day or moment, such as 2026-12-20 or 2026-12-20T18:00:00Z")]
    until: Annotated[Moment, _says("its end, which is no part of it")]
    reason: Annotated[str, _says("shown where it puts something off")] = ""


class Wishes(_Strict, frozen=True):
    """What a certificate may say itself, else its policy, else the defaults: the first of them that says it."""

    cas: Annotated[
        tuple[str, ...], _says("names of `[cas.*]`, ids of known CAs or directory URLs, in order; the first is asked")
    ] | (None) = None
    ca_weights: (
        Annotated[
            tuple[int, ...],
            _says(
                "one for each of `cas`: which is asked first is drawn by the certificate's name, in proportion to it"
            ),
        ]
        | None
    ) = None
    account: Annotated[str, _says("which account at the CA")] | None = None
    key_type: (
        Annotated[KeyType, _says("what key it gets: ec256, rsa2048 and the others of `obtain --key-type`")] | None
    ) = None
    reuse_key: Annotated[bool, _says("keep the key at renewals")] | None = None
    profile: Annotated[str, _says("a profile of the CA, if it has it")] | None = None
    profile_required: Annotated[bool, _says("fail where the CA does not have the profile")] | None = None
    preferred_chain: Annotated[str, _says("the chain whose issuer has this name, if there is one")] | None = None
    lifetime: Annotated[Span, _says("ask for so long a life, such as 47d")] | None = None
    must_staple: Annotated[bool, _says("ask for a certificate that demands OCSP stapling")] | None = None
    renew_at: (
        Annotated[
            float,
            msgspec.Meta(
                description="when to renew if the CA suggests no time: a fraction of its life, 0.05 to 0.95",
                ge=0.05,
                le=0.95,
            ),
        ]
        | None
    ) = None
    ari: Annotated[bool, _says("ask the CA when to renew (RFC 9773)")] | None = None
    windows: (
        Annotated[
            tuple[WindowText, ...],
            _says("when renewals and installations may begin, such as 'mon-fri 22:00-04:00 Europe/Berlin'"),
        ]
        | None
    ) = None
    freezes: (
        Annotated[tuple[FreezeTable, ...], _says("when none begins, unless waiting would cause a lapse")] | None
    ) = None
    criticality: (
        Annotated[Criticality, _says("critical, high, normal or low: in this order is done what is due together")]
        | None
    ) = None
    on_removal: (
        Annotated[OnRemoval, _says("keep, delete or revoke: what becomes of it once it is not declared any more")]
        | None
    ) = None
    merge: (
        Annotated[
            bool | Annotated[int, msgspec.Meta(ge=2, le=1000)],
            _says("merge small certificates that want the same: true, or into certificates of at most so many names"),
        ]
        | None
    ) = None
    targets: Annotated[tuple[str, ...], _says("where it is installed: names of `[targets.*]`")] | None = None
    owner: Annotated[str, _says("whose it is: `evercert list --owner`")] | None = None
    tags: Annotated[tuple[str, ...], _says("words to find it by: `evercert list --tag`")] | None = None


# What a wish is where nobody says it, in words.
USUAL: Final = {
    "cas": "the usual one (`EVERCERT_CA`)",
    "ca_weights": "none: the order of `cas`",
    "account": "that of `[cas.*]`, or `default`",
    "key_type": "`ec256`",
    "reuse_key": "`false`",
    "profile_required": "`false`",
    "lifetime": "what the CA gives",
    "must_staple": "`false`",
    "renew_at": "2/3, or 1/2 under ten days",
    "ari": "`true`",
    "windows": "at any time",
    "freezes": "none",
    "criticality": "`normal`",
    "on_removal": "`keep`",
    "merge": "`false`",
    "targets": "files in the home",
    "timeout": "10s",
}


class PolicyTable(Wishes, frozen=True):
    """`[policies.NAME]`."""


class DefaultsTable(Wishes, frozen=True):
    """`[defaults]`."""

    policy: Annotated[str, _says("the policy of certificates that name none")] | None = None


class CertificateTable(Wishes, frozen=True):
    """`[certificates.NAME]`; where it says no names, NAME is its one name."""

    policy: Annotated[str, _says("its policy: a name of `[policies.*]`")] | None = None
    names: Annotated[tuple[str, ...], _says("the names that it is for; `{a,b}` and `{1..9}` stand for several")] = ()
    names_from: Annotated[str, _says("a file with further names, apart by spaces or lines")] = ""
    each: Annotated[tuple[str, ...], _says("instead of names: a certificate of its own for each of these")] = ()
    each_from: Annotated[
        str, _says("instead of names: a file with one certificate a line, its names apart by spaces")
    ] = ""


class LimitsTable(_Strict, frozen=True):
    """`[cas.NAME.limits]`: how much in how long, such as `1500/3h`, in place of what is known of the CA; or `none`."""

    orders: Annotated[LimitText, _says("new orders per account")] | None = None
    domain: Annotated[LimitText, _says("certificates per registered domain")] | None = None
    set: Annotated[LimitText, _says("certificates per exact set of names")] | None = None
    failures: Annotated[LimitText, _says("failed validations per name and account")] | None = None
    failures_in_a_row: Annotated[LimitText, _says("the same without a success in between")] | None = None
    accounts: Annotated[LimitText, _says("new accounts, of all nodes together")] | None = None
    requests: Annotated[LimitText, _says("requests of one process")] | None = None


class CaTable(_Strict, frozen=True):
    """`[cas.NAME]`: how this installation goes to a CA, and as whom it registers there."""

    directory: Annotated[str, _says("its directory URL, or the id of a known CA (if it is not NAME itself)")] = ""
    account: Annotated[str, _says("which account there, where a certificate names none")] = "default"
    contacts: Annotated[tuple[str, ...], _says("where the CA may write to")] = ()
    account_key: Annotated[KeyType, _says("what key a new account gets")] = KeyType.EC256
    eab_kid: Annotated[str, _says("external account: its id")] = ""
    eab_key: Annotated[str, _says("external account: its HMAC key, by reference")] = ""
    eab_algorithm: Annotated[Literal["HS256", "HS384", "HS512"], _says("external account: its algorithm")] = "HS256"
    roots: Annotated[str, _says("a file of further trust anchors for the CA's own TLS")] = ""
    proxy: Annotated[str, _says("HTTP proxy for this CA, or a reference to it")] = ""
    allow_http: Annotated[bool, _says("accept a CA without TLS")] = False
    concurrency: (
        Annotated[
            int,
            msgspec.Meta(
                description="orders that are open there at once for one account, of all nodes together",
                ge=1,
                le=_MANY,
            ),
        ]
        | None
    ) = None
    ip: Annotated[Literal[4, 6], _says("reach it by IPv4 or IPv6 only")] | None = None
    limits: Annotated[LimitsTable, _says("its limits, if yours are not the known ones (docs/limits.md)")] | None = None


class DnsTable(_Strict, frozen=True):
    """`[dns.NAME]`: an account at a DNS provider; names in its zones are proved through it."""

    provider: Annotated[str, _says("which provider (docs/dns.md)")]
    zones: Annotated[tuple[str, ...], _says("the zones that it answers for; of several that fit a name, the longest")]
    challenge: Annotated[Literal["dns-01", "dns-account-01", "dns-persist-01"], _says("by which challenge")] = "dns-01"
    concurrency: (
        Annotated[
            int,
            msgspec.Meta(
                description="certificates that are proved at once in each of the zones, of all nodes together",
                ge=1,
                le=_MANY,
            ),
        ]
        | None
    ) = None
    options: Options = {}


class ChallengeTable(_Strict, frozen=True):
    """`[[challenges]]`, in order, before the DNS accounts: the first that fits a name and the CA offers is used."""

    type: Annotated[str, _says("the challenge, such as http-01 or tls-alpn-01")]
    solver: Annotated[str, _says("how it is answered: standalone, webroot, proxy, auto, front, or a DNS provider")]
    match: Annotated[str, _says("for which names: a shell pattern")] = "*"
    options: Options = {}


class TargetTable(_Strict, frozen=True):
    """`[targets.NAME]`: a place where certificates are installed."""

    plugin: Annotated[str, _says("what is there (docs/deploy.md)")]
    options: Options = {}


class HookTable(_Strict, frozen=True):
    """`[hooks.NAME]`: who is told of events ([how](events.md)): a program, or an endpoint."""

    events: Annotated[tuple[str, ...], _says("of which: their kinds, as shell patterns, such as 'deploy-*'")]
    certificates: Annotated[tuple[str, ...], _says("only about certificates of these names: shell patterns")] = ()
    owner: Annotated[str, _says("only about certificates of that owner: a shell pattern")] = ""
    tag: Annotated[str, _says("only about certificates with such a tag: a shell pattern")] = ""
    exec: Annotated[
        tuple[str, ...], _says("a program and its arguments: it is run with the event on its standard input")
    ] = ()
    url: Annotated[str, _says("or an https URL: the event is posted there, signed")] = ""
    secret: Annotated[str, _says("the secret that signs what is posted, by reference")] = ""
    allow_http: Annotated[bool, _says("accept an endpoint without TLS")] = False
    timeout: Annotated[Span, _says("how long it may take: at most 10m, an endpoint 30s")] | None = None


class DeclarationFile(_Strict, frozen=True):
    defaults: DefaultsTable = DefaultsTable()
    cas: dict[str, CaTable] = {}
    dns: dict[str, DnsTable] = {}
    challenges: tuple[ChallengeTable, ...] = ()
    policies: dict[str, PolicyTable] = {}
    targets: dict[str, TargetTable] = {}
    certificates: dict[str, CertificateTable] = {}
    hooks: dict[str, HookTable] = {}
