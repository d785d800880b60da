"""One profile: everything that is decided about certificates before anybody asks for one.

Rule of this file: what an operator may write of a profile is a field of `Profile`, with its description; the reader
(`reading.py`) and `docs/ca-profiles.md` are made from them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import msgspec

from evercert.acme.challenge import DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01, HTTP_01, TLS_ALPN_01
from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier
from evercert.ca.profiles.policy import NamePolicy
from evercert.pki.key_type import KeyType

__all__ = ["BUILT_IN", "Lint", "NameKind", "Profile"]

_DNS: Final = frozenset({DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01})
_BY_ADDRESS: Final = frozenset({HTTP_01, TLS_ALPN_01})
# draft-ietf-acme-device-attest §4: for identifiers that are neither a name nor an address.
_ATTESTATION: Final = "device-attest-01"

NameKind = Literal["dns", "wildcard", "ip", "uri", "email", "permanent-identifier", "hardware-module"]
Challenge = Literal["http-01", "tls-alpn-01", "dns-01", "dns-account-01", "dns-persist-01", "device-attest-01"]
Lint = Literal["pkix", "serverauth"]


def _says(description: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=description, **limits)


class Profile(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A value; `msgspec.structs.replace` makes another one. Made by `reading.profiles_from`, its fields go together."""

    name: str
    description: Annotated[
        str, _says("what the directory tells of it (draft-ietf-acme-profiles): a text, or a URL", max_length=500)
    ] = ""
    life: Annotated[
        timedelta | float,
        _says(
            'how long a certificate lives: a length (`"90d"`), or a part of what is left of its issuer\'s life (`0.1`)'
        ),
    ] = timedelta(days=90)
    max_life: Annotated[
        timedelta | None, _says("the longest life that an order may ask for with its dates; not set: `life`")
    ] = None
    choose_dates: Annotated[bool, _says("whether an order may ask for notBefore and notAfter")] = True
    backdate: Annotated[
        timedelta,
        _says("how long before its signature a certificate begins, for slow clocks; at most a tenth of its life"),
    ] = timedelta(hours=1)
    postdate: Annotated[timedelta, _says("how far ahead notBefore may be")] = timedelta(days=7)
    key_types: Annotated[tuple[KeyType, ...], _says("the keys that are certified", min_length=1)] = tuple(KeyType)
    ekus: Annotated[
        tuple[str, ...], _says("extended key usages: `serverAuth`, `clientAuth` ..., or a dotted OID", max_length=20)
    ] = ("serverAuth",)
    key_encipherment: Annotated[
        bool, _says("whether RSA keys may encipher, which only TLS 1.2 with RSA key exchange asks for")
    ] = False
    names: Annotated[
        tuple[NameKind, ...],
        _says(
            "the kinds of names: `dns`, `wildcard`, `ip`, `permanent-identifier` and `hardware-module` are proved; an "
            "`email` is taken where its domain is a name of the order, a `uri` where `allow` has its begin",
            min_length=1,
        ),
    ] = ("dns", "wildcard", "ip")
    max_names: Annotated[int, _says("the most names in one certificate", ge=1, le=1000)] = 100
    max_labels: Annotated[int, _says("the most labels in one name", ge=1, le=127)] = 10
    wildcard_labels: Annotated[int, _says("the fewest labels after the star of a wildcard", ge=1, le=127)] = 2
    allow: Annotated[
        tuple[str, ...],
        _says(
            "the names that are taken: `www.example.test`, `.example.test` (below it), `*.example.test` (right below), "
            "`10.0.0.0/8`, `spiffe://corp.test/ns/`, `*` (all but URIs)"
        ),
    ] = ("*",)
    deny: Annotated[tuple[str, ...], _says("the names that are not taken, whatever `allow` says")] = ()
    uri: Annotated[
        str,
        _says(
            "a URI that every certificate holds; `{name}` stands for the order's first name: `spiffe://corp.test/ns/{name}`",
            max_length=2048,
        ),
    ] = ""
    common_name: Annotated[
        Literal["first", "none"], _says("the subject's CN: the `first` name that fits (64 characters), or `none`")
    ] = "none"
    organization: Annotated[str, _says("the subject's O", max_length=64)] = ""
    organizational_unit: Annotated[str, _says("the subject's OU", max_length=64)] = ""
    country: Annotated[str, _says("the subject's C: two letters", pattern="^([A-Z]{2})?$")] = ""
    aia: Annotated[bool, _says("whether certificates say where their issuer's is (AIA)")] = True
    crl: Annotated[bool, _says("whether certificates say where the CRL is")] = True
    ocsp: Annotated[bool, _says("whether certificates say where the OCSP responder is")] = True
    must_staple: Annotated[
        bool, _says("whether a request may ask for OCSP stapling (RFC 7633); not without `ocsp`")
    ] = True
    policies: Annotated[tuple[str, ...], _says("certificate policies: dotted OIDs", max_length=20)] = ()
    challenges: Annotated[tuple[Challenge, ...], _says("the challenges that are offered")] = (
        "http-01",
        "tls-alpn-01",
        "dns-01",
        "dns-account-01",
        "dns-persist-01",
        "device-attest-01",
    )
    order_life: Annotated[timedelta, _says("how long an order may take")] = timedelta(days=7)
    pending_authorization_life: Annotated[timedelta, _says("how long a proof may take")] = timedelta(days=7)
    authorization_reuse: Annotated[timedelta, _says("how long a proof serves further orders; `0s`: for none")] = (
        timedelta(hours=7)
    )
    eab_required: Annotated[bool, _says("whether the account has to be bound to an external one")] = False
    eab_authorizes: Annotated[
        bool, _says("whether an external account that may authorize names by itself may do so here")
    ] = True
    caa: Annotated[
        Literal["", "off", "lenient", "strict"], _says("how CAA records are looked at; not set: as the CA does")
    ] = ""
    issuer: Annotated[str, _says("the issuer that signs; not set: the CA's choice", max_length=100)] = ""
    lint: Annotated[
        tuple[Lint, ...],
        _says("what pkilint checks before the profile may sign: `pkix`; `serverauth`, which are rules for public CAs"),
    ] = ("pkix",)

    @cached_property
    def policy(self) -> NamePolicy:
        return NamePolicy(self.allow, self.deny)

    def challenges_for(self, subject: Identifier, *, subdomains: bool = False) -> tuple[str, ...]:
        """What may prove the identifier: an address not by DNS, a wildcard or a whole subtree by nothing else."""
        kind = str(subject.type)
        fit = {_ATTESTATION} if kind not in {"dns", "ip"} else _BY_ADDRESS
        if kind == "dns":
            fit = _DNS if subject.wildcard or subdomains else _DNS | _BY_ADDRESS
        return tuple(each for each in self.challenges if each in fit)

    def life_under(self, issuer_end: datetime, now: datetime) -> timedelta:
        """How long a certificate made now lives, unless its issuer ends before."""
        return self.life if isinstance(self.life, timedelta) else (issuer_end - now) * self.life

    def longest(self, issuer_end: datetime, now: datetime) -> timedelta:
        """The longest life that may be asked for."""
        return self.max_life or self.life_under(issuer_end, now)

    def check_dates(
        self, not_before: datetime | None, not_after: datetime | None, now: datetime, issuer_end: datetime | None = None
    ) -> None:
        """Raises `malformed` unless the validity that an order asks for is one that the profile gives."""
        if not_before is None and not_after is None:
            return
        if not self.choose_dates:
            raise Problem(ProblemType.MALFORMED, "the profile does not let its orders choose dates")
        end = issuer_end or datetime.max.replace(tzinfo=now.tzinfo)
        longest = self.longest(end, now)
        start = not_before or now
        if not now - self.backdate <= start <= now + self.postdate:
            raise Problem(
                ProblemType.MALFORMED, f"notBefore is no earlier than now, and no later than {self.postdate} ahead"
            )
        if not_after is not None and not max(start, now) < not_after <= min(start + longest, end):
            raise Problem(ProblemType.MALFORMED, f"notAfter is later than notBefore, by no more than {longest}")


BUILT_IN: Final = {
    each.name: each
    for each in (
        Profile(name="default", description="for TLS servers, 90 days", common_name="first", key_encipherment=True),
        Profile(
            name="shortlived",
            description="for TLS servers, 160 hours; nothing to ask for its status",
            life=timedelta(hours=160),
            crl=False,
            ocsp=False,
            must_staple=False,
        ),
        Profile(
            name="mtls",
            description="for both ends of TLS between services, 24 hours",
            life=timedelta(hours=24),
            ekus=("serverAuth", "clientAuth"),
            names=("dns", "ip"),
            common_name="first",
            crl=False,
            ocsp=False,
            must_staple=False,
        ),
    )
}
