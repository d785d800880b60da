"""The CAs that are known by name: where they are, what they ask for, what they allow.

Rule of this file: one table. What a directory says of itself (profiles, EAB, terms) is asked of
the directory; here is what must be known before it is asked, or what it does not say.
State of the facts: November 2026, from the CAs' own documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Final, NamedTuple

from evercert.acme.foreign import shown
from evercert.base.errors import EvercertError

__all__ = [
    "KNOWN_CAS",
    "KnownCa",
    "Limit",
    "LimitScope",
    "Rate",
    "eab_at",
    "find_ca",
    "known_ca",
    "limits_at",
    "most_names",
    "rates_at",
    "staging_of",
]


class LimitScope(Enum):
    """What a CA counts by."""

    ORDERS_PER_ACCOUNT = "new orders per account"
    CERTIFICATES_PER_DOMAIN = "certificates per registered domain"
    CERTIFICATES_PER_SET = "certificates per exact set of names"
    FAILURES_PER_NAME = "failed validations per name and account"
    FAILURES_IN_A_ROW = "failed validations in a row per name and account"
    ACCOUNTS_PER_ADDRESS = "new accounts per IP address"
    # No CA counts these: the account at a DNS provider does.
    RECORD_CHANGES = "changes of records per account"

    @property
    def word(self) -> str:
        """The one word for it, in a declaration and in the ledger."""
        return _WORDS[self]


_WORDS: Final = {
    LimitScope.ORDERS_PER_ACCOUNT: "orders",
    LimitScope.CERTIFICATES_PER_DOMAIN: "domain",
    LimitScope.CERTIFICATES_PER_SET: "set",
    LimitScope.FAILURES_PER_NAME: "failures",
    LimitScope.FAILURES_IN_A_ROW: "failures_in_a_row",
    LimitScope.ACCOUNTS_PER_ADDRESS: "accounts",
    LimitScope.RECORD_CHANGES: "changes",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in `period`, refilled evenly. `ari_exempt`: a renewal that names its
    predecessor inside its window is not counted; `renewal_exempt`: nor is one of the same names."""

    scope: LimitScope
    count: int
    period: timedelta
    ari_exempt: bool = False
    renewal_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests a second, after a first *burst*, from one address, to paths that begin like that."""

    path: str
    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class KnownCa:
    """One CA. `eab` says how to get an external account binding, or is empty where none is needed; with `eab_once` each
    makes one account. `caa` are the names that its CAA records carry; `max_names` is 0 where it is not known;
    `profile_names` are the profiles with which it takes fewer. Of `rates` the first that fits a path counts."""

    id: str
    name: str
    directory: str
    staging: str = ""
    eab: str = ""
    eab_once: bool = False
    caa: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    max_names: int = 0
    profile_names: tuple[tuple[str, int], ...] = ()
    limits: tuple[Limit, ...] = ()
    rates: tuple[Rate, ...] = ()
    notes: str = ""


_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)


def _lets_encrypt(orders: int, domain: int, exact_set: int, failures: int, accounts: int) -> tuple[Limit, ...]:
    return (
        Limit(LimitScope.ORDERS_PER_ACCOUNT, orders, 3 * _HOUR, ari_exempt=True, renewal_exempt=True),
        Limit(LimitScope.CERTIFICATES_PER_DOMAIN, domain, _WEEK, ari_exempt=True, renewal_exempt=True),
        Limit(LimitScope.CERTIFICATES_PER_SET, exact_set, _WEEK, ari_exempt=True),
        Limit(LimitScope.FAILURES_PER_NAME, failures, _HOUR),
        # Refilled by one a day, and whole after a success. Used up, the account is paused for the name by hand.
        Limit(LimitScope.FAILURES_IN_A_ROW, 1152, timedelta(days=1152)),
        Limit(LimitScope.ACCOUNTS_PER_ADDRESS, accounts, 3 * _HOUR),
    )


def _lets_encrypt_rates(others: Rate) -> tuple[Rate, ...]:
    return (
        Rate("/acme/new-nonce", 20, 10),
        Rate("/acme/new-acct", 5, 15),
        Rate("/acme/new-order", 300, 200),
        Rate("/acme/revoke-cert", 10, 100),
        Rate("/acme/renewal-info", 1000, 100),
        others,
        Rate("/directory", 40, 40),
    )


_LETS_ENCRYPT_FEATURES = ("ari", "profiles", "wildcard", "ip", "alternate-chains")
_LETS_ENCRYPT_PROFILE_NAMES = (("tlsserver", 25), ("shortlived", 25))
_GOOGLE_FEATURES = ("ari", "profiles", "wildcard", "not-after", "dns-account-01", "dns-persist-01")
_GOOGLE_EAB = "`gcloud publicca external-account-keys create`; a key is for one account and seven days"

KNOWN_CAS: Final = (
    KnownCa(
        id="letsencrypt",
        name="Let's Encrypt",
        directory="https://acme-v02.api.letsencrypt.org/directory",
        staging="https://acme-staging-v02.api.letsencrypt.org/directory",
        caa=("letsencrypt.org",),
        features=_LETS_ENCRYPT_FEATURES,
        max_names=100,
        profile_names=_LETS_ENCRYPT_PROFILE_NAMES,
        limits=_lets_encrypt(orders=300, domain=50, exact_set=5, failures=5, accounts=10),
        rates=_lets_encrypt_rates(Rate("/acme/", 250, 125)),
        notes="no notBefore or notAfter; IP addresses with profile shortlived; 25 names with tlsserver and shortlived",
    ),
    KnownCa(
        id="letsencrypt-staging",
        name="Let's Encrypt (staging)",
        directory="https://acme-staging-v02.api.letsencrypt.org/directory",
        staging="https://acme-staging-v02.api.letsencrypt.org/directory",
        caa=("letsencrypt.org",),
        features=(*_LETS_ENCRYPT_FEATURES, "dns-persist-01"),
        max_names=100,
        profile_names=_LETS_ENCRYPT_PROFILE_NAMES,
        limits=_lets_encrypt(orders=1500, domain=30_000, exact_set=30_000, failures=200, accounts=50),
        rates=_lets_encrypt_rates(Rate("/acme/", 20, 20)),
        notes="not trusted by browsers; for tests; 20 requests a second",
    ),
    KnownCa(
        id="google",
        name="Google Trust Services",
        directory="https://dv.acme-v02.api.pki.goog/directory",
        staging="https://dv.acme-v02.test-api.pki.goog/directory",
        eab=_GOOGLE_EAB,
        eab_once=True,
        caa=("pki.goog",),
        features=_GOOGLE_FEATURES,
        max_names=100,
        notes="notAfter of 1 to 90 days is honoured",
    ),
    KnownCa(
        id="google-staging",
        name="Google Trust Services (staging)",
        directory="https://dv.acme-v02.test-api.pki.goog/directory",
        staging="https://dv.acme-v02.test-api.pki.goog/directory",
        eab=f"{_GOOGLE_EAB}; made in the API's test environment",
        eab_once=True,
        caa=("pki.goog",),
        features=_GOOGLE_FEATURES,
        max_names=100,
        notes="not trusted by browsers; for tests",
    ),
    KnownCa(
        id="zerossl",
        name="ZeroSSL",
        directory="https://acme.zerossl.com/v2/DV90",
        eab="https://app.zerossl.com/developer; a key serves any number of accounts",
        caa=("sectigo.com",),
        features=("wildcard",),
        notes="no change of account key",
    ),
    KnownCa(
        id="sslcom-rsa",
        name="SSL.com (RSA)",
        directory="https://acme.ssl.com/sslcom-dv-rsa",
        eab="the dashboard at https://www.ssl.com, under API credentials",
        caa=("ssl.com",),
        max_names=2,
        notes="free for one name and its www; charges an account that has funds; a contact is required",
    ),
    KnownCa(
        id="sslcom-ecc",
        name="SSL.com (ECC)",
        directory="https://acme.ssl.com/sslcom-dv-ecc",
        eab="the dashboard at https://www.ssl.com, under API credentials",
        caa=("ssl.com",),
        max_names=2,
        notes="free for one name and its www; charges an account that has funds; a contact is required",
    ),
    KnownCa(
        id="actalis",
        name="Actalis",
        directory="https://acme-api.actalis.com/acme/directory",
        eab="the customer portal at https://www.actalis.com",
        caa=("actalis.it",),
        features=("ari", "orders-list"),
        max_names=2,
        notes="free for one name and its www",
    ),
    KnownCa(
        id="digicert",
        name="DigiCert",
        directory="https://one.digicert.com/mpki/api/v1/acme/v2/directory",
        eab="CertCentral or DigiCert ONE; the key id chooses product and validity",
        caa=("digicert.com",),
        features=("ari", "wildcard"),
        notes="paid",
    ),
    KnownCa(
        id="sectigo",
        name="Sectigo (DV)",
        directory="https://acme.sectigo.com/v2/DV",
        eab="Sectigo Certificate Manager, under ACME accounts",
        caa=("sectigo.com",),
        features=("wildcard",),
        notes="paid",
    ),
    KnownCa(
        id="sectigo-ov",
        name="Sectigo (OV)",
        directory="https://acme.sectigo.com/v2/OV",
        eab="Sectigo Certificate Manager, under ACME accounts",
        caa=("sectigo.com",),
        features=("wildcard",),
        notes="paid",
    ),
    KnownCa(
        id="sectigo-ev",
        name="Sectigo (EV)",
        directory="https://acme.sectigo.com/v2/EV",
        eab="Sectigo Certificate Manager, under ACME accounts",
        caa=("sectigo.com",),
        notes="paid",
    ),
    KnownCa(
        id="globalsign",
        name="GlobalSign Atlas",
        directory="https://emea.acme.atlas.globalsign.com/directory",
        eab="the Atlas portal",
        caa=("globalsign.com",),
        notes="paid",
    ),
)

_BY_ID: Final = {ca.id: ca for ca in KNOWN_CAS}
_BY_DIRECTORY: Final = {ca.directory: ca for ca in KNOWN_CAS}


def find_ca(text: str) -> str:
    """The directory URL that *text* means: the id of a known CA, or a URL itself. Raises `not-found`."""
    if "://" in text:
        return text
    return known_ca(text).directory


def most_names(text: str, profile: str = "") -> int:
    """How many names the CA of that id or directory URL takes in one certificate; 0 where that is not known."""
    known = _BY_ID.get(text.strip().lower()) or _BY_DIRECTORY.get(text)
    return dict(known.profile_names).get(profile, known.max_names) if known else 0


def known_ca(text: str) -> KnownCa:
    """The known CA of that id or directory URL; raises `not-found` with what was perhaps meant."""
    known = _BY_ID.get(text.strip().lower()) or _BY_DIRECTORY.get(text)
    if known:
        return known
    close = get_close_matches(text.lower(), _BY_ID, n=1)
    raise EvercertError(
        "not-found",
        f"there is no known CA {shown(text)!r}",
        hint=f"did you mean {close[0]}?"
        if close
        else "write its directory URL, or an id from `evercert ca list --known`",
    )


class Eab(NamedTuple):
    """How to get an external account binding, and whether one makes a single account."""

    how: str = ""
    once: bool = False


def eab_at(directory: str) -> Eab:
    """What is known of external accounts at the CA with that directory."""
    known = _BY_DIRECTORY.get(directory)
    return Eab(known.eab, known.eab_once) if known else Eab()


def limits_at(directory: str) -> tuple[Limit, ...]:
    """The limits that are known of the CA with that directory; none of one that we do not know."""
    known = _BY_DIRECTORY.get(directory)
    return known.limits if known else ()


def rates_at(directory: str) -> tuple[Rate, ...]:
    """The same of requests."""
    known = _BY_DIRECTORY.get(directory)
    return known.rates if known else ()


def staging_of(directory: str) -> str:
    """The directory of the CA's staging counterpart; raises `not-found` where it has none that is known."""
    known = _BY_DIRECTORY.get(directory)
    if known and known.staging:
        return known.staging
    raise EvercertError(
        "not-found",
        f"{known.name if known else shown(directory)} has no staging counterpart that is known",
        hint="leave --staging or --dry-run out, and name a CA for tests with --ca",
    )
