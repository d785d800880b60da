"""What the operator decides: `ca.toml`. The file that `evercert ca init` writes says the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from evercert.ca.limits import DEFAULTS, Limit, Limits
from evercert.ca.node.private import AdminSettings, MetricsSettings, check_admin, check_private
from evercert.ca.pace import Pace
from evercert.ca.pausing import Pausing
from evercert.ca.profiles.profile import Profile
from evercert.ca.profiles.reading import profiles_from
from evercert.ca.retention import Retention
from evercert.ca.rules import Recurring, Rules
from evercert.ca.status.rules import Responder, StatusRules
from evercert.ca.validation.policy import NetworkPolicy
from evercert.config.toml import Duration, read_toml, span_of

__all__ = ["CaSettings", "PerspectiveSettings", "first_file", "load_ca_settings"]

_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a key that is not one of its settings is a mistake."""


class PerspectiveSettings(_Strict, frozen=True):
    """One remote perspective (`evercert ca perspective`). `token` is a reference."""

    name: str
    url: str
    token: str = ""
    region: str = ""


class ValidationSettings(_Strict, frozen=True):
    resolvers: tuple[str, ...] = ()
    hosts: dict[str, tuple[str, ...]] = {}
    http_port: _Port = 80
    tls_port: _Port = 443
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    caa: Literal["off", "lenient", "strict"] = "lenient"
    concurrent: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    per_account: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    perspectives: tuple[PerspectiveSettings, ...] = ()
    perspective_roots: str = ""
    perspective_identity: str = ""


class RetentionSettings(_Strict, frozen=True):
    orders: Duration = "7d"
    certificates: Duration = "90d"
    audit: Duration = "400d"


class NodeSettings(_Strict, frozen=True):
    """See `pace.Pace`."""

    turn: Duration = "60s"
    look: Duration = "15s"


class LimitSettings(_Strict, frozen=True):
    count: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    per: Duration


class CrlSettings(_Strict, frozen=True):
    partitions: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    life: Duration = "3d"
    every: Duration = "12h"
    delta_every: Duration | None = None


class OcspSettings(_Strict, frozen=True):
    offered: bool = True
    life: Duration = "8h"
    responder: Responder = "auto"
    presign: bool = False


class PauseSettings(_Strict, frozen=True):
    """`after` how many failures in a row; 0: never."""

    after: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 200
    url: str = ""


class RecurrenceSettings(_Strict, frozen=True):
    offered: bool = True
    shortest: Duration = "1h"
    longest: Duration = "366d"


class CaSettings(_Strict, frozen=True):
    """The file, as it was written. `listen` and `plain_listen` are `address:port`."""

    url: str
    listen: tuple[str, ...] = ("127.0.0.1:8443",)
    plain_url: str = ""
    plain_listen: tuple[str, ...] = ()
    database: str = ""
    master_key: str = ""
    issuers: tuple[str, ...] = ()
    default_profile: str = "default"
    # Keys that are publicly known: badkeys' `blocklist.dat`.
    known_keys: str = ""
    # Every how many certificates pkilint looks at one that was signed.
    sample_every: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1000
    terms: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    eab_required: bool = False
    subdomains: bool = True
    validation: ValidationSettings = ValidationSettings()
    recurrence: RecurrenceSettings = RecurrenceSettings()
    crl: CrlSettings = CrlSettings()
    ocsp: OcspSettings = OcspSettings()
    retention: RetentionSettings = RetentionSettings()
    metrics: MetricsSettings = MetricsSettings()
    nodes: NodeSettings = NodeSettings()
    admin: AdminSettings = AdminSettings()
    pause: PauseSettings = PauseSettings()
    limits: dict[str, LimitSettings] = {}
    overrides: dict[str, LimitSettings] = {}
    profiles: dict[str, dict[str, Any]] = {}
    # The manufacturers' roots (PEM files) for each format of device-attest-01.
    attestation: dict[Literal["tpm", "apple", "step"], str] = {}

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """What the server's own certificate is for: the host in its URL."""
        return (parse_identifier(urlsplit(self.url).hostname or ""),)

    @property
    def base_url(self) -> str:
        return self.url.rstrip("/")

    def network_policy(self) -> NetworkPolicy:
        return NetworkPolicy(self.validation.allow, self.validation.deny)

    def rules(self) -> Rules:
        wanted = self.recurrence
        recurrence = Recurring(span_of(wanted.shortest), span_of(wanted.longest)) if wanted.offered else None
        return Rules(
            terms=self.terms,
            website=self.website,
            caa_identities=self.caa_identities or _own_identity(self.url),
            eab_required=self.eab_required,
            subdomains=self.subdomains,
            recurrence=recurrence,
            default_profile=self.default_profile,
        )

    def profiles_in_force(self, file: str = "ca.toml") -> Mapping[str, Profile]:
        """The profiles that are offered. Raises `bad-input` for what is wrong in them."""
        found = profiles_from(self.profiles, file)
        if self.default_profile not in found:
            hint = f"there are {', '.join(sorted(found))}"
            raise EvercertError("bad-input", f"{file}: default_profile: there is no such profile", hint=hint)
        return found

    def kept(self) -> Retention:
        wanted = self.retention
        return Retention(span_of(wanted.orders), span_of(wanted.certificates), span_of(wanted.audit))

    def pace(self) -> Pace:
        """Raises `bad-input` where there would be none."""
        pace = Pace(span_of(self.nodes.turn), span_of(self.nodes.look))
        if not pace.turn or not pace.look:
            raise EvercertError("bad-input", "nodes.turn and nodes.look are longer than 0s")
        return pace

    def status_rules(self) -> StatusRules:
        """Raises `bad-input` where its parts do not go together."""
        delta_every = span_of(self.crl.delta_every) if self.crl.delta_every else None
        rules = StatusRules(
            partitions=self.crl.partitions,
            crl_life=span_of(self.crl.life),
            crl_every=span_of(self.crl.every),
            delta_every=delta_every,
            ocsp=self.ocsp.offered,
            ocsp_life=span_of(self.ocsp.life),
            responder=self.ocsp.responder,
            presign=self.ocsp.presign,
        )
        _check_status(rules, self.plain_url)
        return rules

    def limits_in_force(self) -> Limits:
        table = {name: Limit(each.count, span_of(each.per), _meaning(name)) for name, each in self.limits.items()}
        return Limits(
            {**DEFAULTS, **table},
            {name: Limit(each.count, span_of(each.per)) for name, each in self.overrides.items()},
            Pausing(self.pause.after, self.pause.url or self.website),
        )


def load_ca_settings(file: Path) -> CaSettings:
    """The settings, if all of them are right. Raises `bad-input` with the key that is not."""
    settings = read_toml(file, CaSettings)
    parts = urlsplit(settings.url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise EvercertError("bad-input", f"{file}: url: it is not https://HOST:PORT", hint="without a path")
    if unknown := [name for name in settings.limits if name not in DEFAULTS]:
        raise EvercertError(
            "bad-input", f"{file}: limits.{unknown[0]}: there is no such limit", hint=f"one of {', '.join(DEFAULTS)}"
        )
    settings.network_policy()
    check_private("metrics", settings.metrics.listen, settings.metrics.public)
    settings.status_rules()
    check_admin(settings.admin, has_tls=parts.scheme == "https")
    settings.profiles_in_force(str(file))
    settings.pace()
    return settings


def _own_identity(url: str) -> tuple[str, ...]:
    """What CAA records call this CA where the operator has not said it: the name in its URL."""
    try:
        own = parse_identifier(urlsplit(url).hostname or "")
    except EvercertError:
        return ()
    return (own.value,) if own.type == "dns" else ()


def _check_status(rules: StatusRules, plain_url: str) -> None:
    parts = urlsplit(plain_url)
    if plain_url and (parts.scheme != "http" or not parts.hostname or parts.query):
        raise EvercertError(
            "bad-input", "plain_url: it is not http://HOST:PORT", hint="who needs it cannot check a TLS certificate yet"
        )
    spans = {"crl.life": rules.crl_life, "crl.every": rules.crl_every, "ocsp.life": rules.ocsp_life}
    for name, span in {**spans, "crl.delta_every": rules.delta_every}.items():
        if span is not None and span < _SHORTEST:
            raise EvercertError("bad-input", f"{name}: it is at least a minute")
    if rules.crl_every > rules.crl_life / 2:
        raise EvercertError(
            "bad-input",
            "crl.every: it is at most half of crl.life",
            hint="a list that cannot be made in time leaves nothing to believe",
        )
    if rules.delta_every and rules.delta_every > rules.crl_every:
        raise EvercertError("bad-input", "crl.delta_every: deltas come more often than whole lists")
    if (rules.partitions or rules.delta_every) and not plain_url:
        words = "crl: parts and deltas are found by their URLs, and there is no plain_url"
        raise EvercertError("bad-input", words, hint='such as plain_url = "http://ca.example.test"')


def _meaning(name: str) -> str:
    return DEFAULTS[name].meaning if name in DEFAULTS else ""


_SHORTEST: Final = timedelta(minutes=1)

_FIRST: Final = """\
# The settings of this CA. `evercert ca serve` reads them when it starts; a mistake is named, and nothing is served.

# Where clients reach it: the directory is URL/acme/directory. Its host is the name in its own TLS certificate.
url = "{url}"
# Where it listens.
listen = [{listen}]
# What must be readable without TLS (issuers, CRLs, OCSP): where it listens for that, and what certificates point to.
#plain_listen = ["0.0.0.0:8080"]
#plain_url = "http://ca.example.test:8080"

# One node: a file beside this one. Several nodes: "postgresql://user@host/name", the password by PGPASSFILE.
#database = ""
# The key that opens the sealed ones: file:PATH or cred:NAME. Default: master.key beside this file.
#master_key = ""

# Whoever registers must have a key of `evercert ca eab add`.
#eab_required = false
#terms = "https://ca.example.test/terms"

[validation]
# DNS servers to ask, "address:port"; default: those of the machine.
#resolvers = []
# Names without DNS (labs): where they are.
#hosts = {{ "www.lab.test" = ["10.0.0.7"] }}
# Private addresses that names may lead to, and the CA may connect to. Loopback, link-local and metadata addresses too
# are never connected to unless they are named here.
allow = [{allow}]
# CAA records (RFC 8659): "off", "lenient" (what a private zone cannot answer does not forbid), "strict".
#caa = "lenient"
#http_port = 80
#tls_port = 443

# How long a CRL may be believed, and how often it is made anew (soon after each revocation in any case). It may be
# split into parts; with delta_every, deltas tell what was revoked since, and whole lists come every `every`.
#[crl]
#life = "3d"
#every = "12h"
#partitions = 0
#delta_every = "1h"

# How long an OCSP answer may be believed; who signs it: "issuer", "delegated" (a key of a few days, in memory), or
# "auto": the issuer, unless its key is slow. With presign, answers are signed before anybody asks.
#[ocsp]
#offered = true
#life = "8h"
#responder = "auto"
#presign = false

# How long things are kept after they are over.
#[retention]
#orders = "7d"
#certificates = "90d"
#audit = "400d"

# Where there are several: how long one has for a validation or an order before another takes it over, and how often
# each looks for what was left.
#[nodes]
#turn = "60s"
#look = "15s"

# After so many failed validations in a row a name is not tried any more for that account, until
# `evercert ca limits unpause`; `url` says to its people what to do.
#[pause]
#after = 200
#url = ""

#[limits.orders-per-account]
#count = 300
#per = "3h"

# Figures for Prometheus, at /metrics: on loopback addresses, unless `public` says otherwise.
#[metrics]
#listen = ["127.0.0.1:9180"]
#public = false

# The admin API: for whoever has a token (`evercert ca admin token add`), or a certificate of this CA that is named.
#[admin]
#listen = ["127.0.0.1:9443"]
#public = false
#tokens = true
#clients = [{{ profile = "operators", role = "operate" }}]
"""


def first_file(url: str, listen: tuple[str, ...], allow: tuple[str, ...] = ()) -> str:
    """The file that a new CA begins with."""
    quoted = {"listen": ", ".join(f'"{each}"' for each in listen), "allow": ", ".join(f'"{each}"' for each in allow)}
    return _FIRST.format(url=url, **quoted)
