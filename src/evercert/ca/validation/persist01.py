"""dns-persist-01: a TXT record that stays, and names the CA and the account (draft-ietf-acme-dns-persist).

Two forms of the account are about: its URL (drafts -00 and -01), and a hash over domain, key and URL (-02). Which of
them a claim may be proved by is the CA's choice, in the claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from evercert.acme.challenge import account_hash, persist_name
from evercert.acme.issue_value import IssueValue, parse_issue_value
from evercert.acme.problem import Problem, ProblemType
from evercert.ca.validation.claim import Claim, Reach
from evercert.ca.validation.dns01 import texts

__all__ = ["validate_persist01"]

_TIMESTAMP: Final = re.compile(r"[0-9]{1,18}")
# Later than this is never: datetime ends in the year 9999.
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_ANY_DOMAIN: Final = "*"


@dataclass(frozen=True, slots=True)
class _Record:
    """A well-formed record for this CA; `until` is None where it has no end."""

    account: str
    is_wildcard: bool
    until: datetime | None


async def validate_persist01(claim: Claim, reach: Reach, now: datetime) -> datetime | None:
    """Until when the proof lasts; None without an end. Raises `Problem`: `dns`, `malformed`, `unauthorized`."""
    name = persist_name(claim.identifier)
    found = [_read(value, claim) for value in await texts(name, reach, absent=ProblemType.UNAUTHORIZED)]
    records = [record for record in found if isinstance(record, _Record)]
    accounts = frozenset(_accounts(claim))
    judged = [(record, _fault(record, claim, accounts, now)) for record in records]
    faults = [fault for _, fault in judged if fault]
    proofs = [record for record, fault in judged if not fault]
    if proofs:
        latest = max(record.until or _LATEST for record in proofs)
        return None if latest == _LATEST else latest
    if malformed := [fault for fault in found if isinstance(fault, str) and fault]:
        raise Problem(ProblemType.MALFORMED, f"a TXT record at {name} that names this CA {malformed[0]}")
    if faults:
        raise Problem(ProblemType.UNAUTHORIZED, f"the TXT record at {name} that names this CA {faults[0]}")
    what = f"no TXT record at {name} ({len(found)} found) names this CA; publish one that begins with "
    raise Problem(ProblemType.UNAUTHORIZED, what + " or ".join(claim.issuer_names))


def _read(value: bytes, claim: Claim) -> _Record | str:
    """The record; what is wrong with it where it names this CA; "" for one of somebody else's."""
    text = value.decode("latin-1")
    if text.partition(";")[0].strip(" \t").lower() not in {name.lower() for name in claim.issuer_names}:
        return ""
    parsed = parse_issue_value(text, strictly=True)
    if parsed is None:
        return "is malformed: write issuer; accounturi=...; policy=wildcard; persistUntil=..., as far as they apply"
    for tag in ("accounturi", "policy", "persistuntil"):
        if len(parsed.values(tag)) > 1:
            return f"has {tag} twice"
    return _record(parsed)


def _record(parsed: IssueValue) -> _Record | str:
    account = "".join(parsed.values("accounturi"))
    if not account:
        return "has no accounturi"
    # A value other than `wildcard` is as if there were none; case does not matter.
    is_wildcard = [value.lower() for value in parsed.values("policy")] == ["wildcard"]
    until = None
    for written in parsed.values("persistuntil"):
        if not _TIMESTAMP.fullmatch(written):
            return "has a persistUntil that is no UNIX timestamp"
        until = _moment(int(written))
    return _Record(account, is_wildcard, until)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(seconds, int(_LATEST.timestamp())), UTC)


def _fault(record: _Record, claim: Claim, accounts: frozenset[str], now: datetime) -> str:
    # Compared octet by octet (RFC 3986 §6.2.1).
    if record.account not in accounts:
        return "is for another account, or has its accounturi in a form that this CA does not take"
    if claim.identifier.wildcard and not record.is_wildcard:
        return "does not have policy=wildcard, which a wildcard needs"
    if record.until is not None and now > record.until:
        return "has ended: its persistUntil is over"
    return ""


def _accounts(claim: Claim) -> Iterator[str]:
    """What the claim's account may be called in a record."""
    if claim.accepts_account_url:
        yield claim.account_url
    if claim.account_hash_prefix:
        for thumbprint in (claim.thumbprint, *claim.former_thumbprints):
            for domain in (claim.identifier.base, _ANY_DOMAIN):
                yield claim.account_hash_prefix + account_hash(domain, thumbprint, claim.account_url)
