"""What a CA wants to find, and where (RFC 8555 §8, RFC 8737, and the DNS challenges' drafts). Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from evercert.acme.foreign import shown
from evercert.acme.jose import b64url, thumbprint
from evercert.acme.wire import Challenge, Meta
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier

__all__ = [
    "DNS_01",
    "DNS_ACCOUNT_01",
    "DNS_PERSIST_01",
    "HTTP_01",
    "TLS_ALPN_01",
    "account_hash",
    "acme_identifier_digest",
    "checked_token",
    "dns01_name",
    "dns_account_name",
    "dns_value",
    "http_path",
    "issuer_names",
    "key_authorization",
    "persist_name",
    "persist_record",
]

HTTP_01 = "http-01"
DNS_01 = "dns-01"
TLS_ALPN_01 = "tls-alpn-01"
DNS_ACCOUNT_01 = "dns-account-01"
DNS_PERSIST_01 = "dns-persist-01"

# §8.3: base64url, at least 128 bits. A token becomes a file's name and a URL's last segment, so
# nothing else may pass; CAs use 22 to 86 characters, file systems allow 255.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")

# draft-ietf-acme-dns-persist, "Challenge Object": a client rejects a challenge with more than ten.
_MAX_ISSUERS = 10
_ISSUER = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62}\.)*[a-z0-9-]{0,63}")


def checked_token(token: str) -> str:
    """*token*, if it is one; raises `bad-answer`. Whoever writes it to a path relies on this."""
    if not _TOKEN.fullmatch(token):
        raise EvercertError("bad-answer", f"the CA sent a challenge token that cannot be one: {shown(token, 60)!r}")
    return token


def key_authorization(token: str, jwk: Mapping[str, str]) -> str:
    """§8.1: the token and the account key's thumbprint. It proves nothing to others, and is public."""
    return f"{checked_token(token)}.{thumbprint(jwk)}"


def http_path(token: str) -> str:
    """Where http-01's answer, the key authorization, is fetched (§8.3)."""
    return f"/.well-known/acme-challenge/{checked_token(token)}"


def dns_value(key_auth: str) -> str:
    """The TXT value of dns-01 (§8.4) and dns-account-01."""
    return b64url(hashlib.sha256(key_auth.encode()).digest())


def acme_identifier_digest(key_auth: str) -> bytes:
    """The 32 octets in a tls-alpn-01 certificate's acmeIdentifier extension (RFC 8737 §3)."""
    return hashlib.sha256(key_auth.encode()).digest()


def dns01_name(identifier: Identifier) -> str:
    """Where dns-01's TXT record is looked for (§8.4); a wildcard and its apex share it."""
    return f"_acme-challenge.{_dns(identifier).base}"


def dns_account_name(identifier: Identifier, account_url: str) -> str:
    """Where dns-account-01's TXT record is looked for: one name per account, so that several CAs
    and accounts can be delegated apart (draft-ietf-acme-dns-account-label §3)."""
    label = base64.b32encode(hashlib.sha256(account_url.encode()).digest()[:10]).decode().lower()
    return f"_{label}._acme-challenge.{_dns(identifier).base}"


def persist_name(identifier: Identifier) -> str:
    """Where dns-persist-01's TXT record is looked for; it stays there from order to order."""
    return f"_validation-persist.{_dns(identifier).base}"


def issuer_names(challenge: Challenge) -> tuple[str, ...]:
    """The issuer domain names of a dns-persist-01 challenge, in either draft's wire form."""
    names = challenge.issuer_domain_names or challenge.issuer_domain_names_01
    if not 0 < len(names) <= _MAX_ISSUERS or not all(_ISSUER.fullmatch(name) for name in names):
        raise EvercertError(
            "bad-answer", f"a dns-persist-01 challenge names issuers that cannot be: {shown(', '.join(names))!r}"
        )
    return names


def persist_record(
    challenge: Challenge,
    meta: Meta,
    account_url: str,
    account_thumbprint: str,
    identifier: Identifier,
    *,
    policy_wildcard: bool = False,
    persist_until: datetime | None = None,
    any_domain: bool = False,
) -> str:
    """The TXT value of dns-persist-01 (an RFC 8659 issue-value), in the draft's version that the CA speaks.

    -02 CAs, told by their `issuerDomainNames`, want a hash over domain, key and account; *any_domain*
    makes one that can be copied to other domains, which shows that they have one owner. Earlier
    drafts want the account URL itself. Raises `bad-answer`.
    """
    issuer = _issuer(challenge, meta)
    if challenge.issuer_domain_names:
        domain = "*" if any_domain else _dns(identifier).base
        account = _account_hash(meta, domain, account_thumbprint, account_url)
    else:
        account = _own_account(challenge, account_url)
    parts = [issuer, f"accounturi={account}"]
    parts += ["policy=wildcard"] if policy_wildcard or identifier.wildcard else []
    parts += [f"persistUntil={int(persist_until.timestamp())}"] if persist_until else []
    return "; ".join(parts)


def account_hash(domain: str, account_thumbprint: str, account_url: str) -> str:
    """How draft -02 of dns-persist-01 names an account behind the directory's `accountHashPrefix`: the hash's name
    (RFC 6920) and its value. *domain* is where the record stands, or `*` for a value that is good for any."""
    name = domain.encode("ascii")
    digest = hashlib.sha256(bytes([len(name)]) + name + account_thumbprint.encode() + account_url.encode()).digest()
    return f"sha-256/{b64url(digest)}"


def _issuer(challenge: Challenge, meta: Meta) -> str:
    names = issuer_names(challenge)
    # -02: what the directory names is a subset of what each challenge does.
    return next((name for name in names if name in meta.issuer_domain_names), names[0])


def _account_hash(meta: Meta, domain: str, account_thumbprint: str, account_url: str) -> str:
    if not re.fullmatch(r"https://[\x21-\x3a\x3c-\x7e]{1,500}", meta.account_hash_prefix):
        raise EvercertError("bad-answer", "the CA offers dns-persist-01 but its directory has no accountHashPrefix")
    return meta.account_hash_prefix + account_hash(domain, account_thumbprint, account_url)


def _own_account(challenge: Challenge, account_url: str) -> str:
    if challenge.accounturi and challenge.accounturi != account_url:
        raise EvercertError("bad-answer", "a dns-persist-01 challenge is for another account than ours")
    if re.search(r"[^\x21-\x3a\x3c-\x7e]", account_url):
        raise EvercertError("bad-answer", f"the account URL cannot stand in a TXT record: {shown(account_url)!r}")
    return account_url


def _dns(identifier: Identifier) -> Identifier:
    if identifier.type != "dns":
        raise EvercertError(
            "no-challenge",
            "an IP address is not proved by DNS (RFC 8738 §7)",
            name=identifier.value,
            hint="use --http-01 or --tls-alpn-01",
        )
    return identifier
