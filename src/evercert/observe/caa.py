"""CAA: whether DNS lets this CA issue for this name, to this account, by this method (RFC 8659, RFC 8657)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning

__all__ = ["CaaAnswer", "CaaLookup", "CaaProperty", "find_caa", "judge_caa"]

_CHECK = "caa"
_CRITICAL = 128
_KNOWN_TAGS = {"issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"}

# RFC 8659 §4.2: an issuer domain, then parameters between semicolons. Some CAs insist on single
# spaces; we read what the grammar allows.
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PARAMETER = re.compile(r"(?P<tag>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)\s*=\s*(?P<value>[\x21-\x3a\x3c-\x7e]*)")


class CaaProperty(Protocol):
    """One record, as the resolver hands it out."""

    @property
    def flags(self) -> int: ...
    @property
    def tag(self) -> str: ...
    @property
    def value(self) -> str: ...


class CaaLookup(Protocol):
    async def caa(self, name: str) -> Sequence[CaaProperty]: ...


@dataclass(frozen=True, slots=True)
class CaaAnswer:
    """The relevant record set and its owner (RFC 8659 §3), or why it could not be asked for."""

    owner: str = ""
    records: tuple[CaaProperty, ...] = ()
    failed_at: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Permission:
    """One well-formed `issue` or `issuewild` value."""

    issuer: str
    accounts: tuple[str, ...]
    methods: tuple[str, ...]


async def find_caa(name: Identifier, lookup: CaaLookup) -> CaaAnswer:
    """Climbs from the name towards the root to the first record set there is (RFC 8659 §3).

    The resolver follows an alias at each step; the climb goes on from the name, not from where
    the alias leads. At most as many questions as the name has labels.
    """
    labels = name.base.split(".")
    for start in range(len(labels)):
        owner = ".".join(labels[start:])
        try:
            records = await lookup.caa(owner)
        except EvercertError as error:
            return CaaAnswer(failed_at=owner, failure=error.message)
        if records:
            return CaaAnswer(owner, tuple(records))
    return CaaAnswer()


def judge_caa(
    name: Identifier,
    answer: CaaAnswer,
    *,
    identities: Sequence[str],
    account_url: str = "",
    methods: Sequence[str] = (),
) -> list[Finding]:
    """Whether the CA that answers to *identities* (its directory's `caaIdentities`) may issue.

    *methods* are the challenge types that are configured; one of them allowed is enough to issue,
    so one that is not is a problem only if none is.
    """
    if answer.failure:
        what = f"CAA of {answer.failed_at} cannot be asked for ({one_line(answer.failure)})"
        # BR 3.2.2.8: a failed look-up is not permission where the zone is signed.
        return [problem(_CHECK, what, "a CA must refuse when this fails; repair the zone's name servers")]
    if not answer.records:
        return [ok(_CHECK, f"no CAA record at {name.base} or above; any CA may issue")]
    if strange := [record.tag for record in answer.records if _is_strange(record)]:
        what = f"CAA of {answer.owner} has the critical property {one_line(strange[0])!r}, which no CA knows"
        return [problem(_CHECK, what, "remove it, or its critical flag (128)")]
    return _judge_permissions(name, answer, identities, account_url, methods)


def _is_strange(record: CaaProperty) -> bool:
    return bool(record.flags & _CRITICAL) and record.tag.lower() not in _KNOWN_TAGS


def _judge_permissions(
    name: Identifier, answer: CaaAnswer, identities: Sequence[str], account_url: str, methods: Sequence[str]
) -> list[Finding]:
    tag, values = _relevant(name, answer.records)
    if not values:
        return [ok(_CHECK, f"CAA of {answer.owner} restricts nothing for this kind of name")]
    if not identities:
        what = f"CAA of {answer.owner} restricts who may issue, and this CA does not say what it is called there"
        return [note(_CHECK, what, "see the CA's documents for its issuer domain name")]
    ours = [permission for value in values if (permission := _permission(value)) and permission.issuer in identities]
    if not ours:
        what = f"CAA of {answer.owner} lets only {_issuers(values)} issue"
        return [problem(_CHECK, what, f'add the record: {answer.owner} CAA 0 {tag} "{one_line(identities[0], 253)}"')]
    return _judge_parameters(answer.owner, ours, account_url, methods)


def _relevant(name: Identifier, records: Sequence[CaaProperty]) -> tuple[str, list[str]]:
    """RFC 8659 §4.3: for a wildcard `issuewild` goes before `issue`, which counts where there is none."""
    for tag in ("issuewild", "issue") if name.wildcard else ("issue",):
        if values := [record.value for record in records if record.tag.lower() == tag]:
            return tag, values
    return "issue", []


def _permission(value: str) -> _Permission | None:
    """None where the value is malformed or names nobody: it then lets nobody issue."""
    issuer, *rest = (part.strip(" \t") for part in value.split(";"))
    parameters = [_PARAMETER.fullmatch(part) for part in rest if part]
    if not _DOMAIN.fullmatch(issuer) or not all(parameters):
        return None
    found = [(match["tag"].lower(), match["value"]) for match in parameters if match]
    methods = [value.split(",") for tag, value in found if tag == "validationmethods"]
    return _Permission(
        issuer.lower(),
        tuple(value for tag, value in found if tag == "accounturi"),
        tuple(method.strip() for listed in methods for method in listed),
    )


def _issuers(values: Sequence[str]) -> str:
    named = sorted({permission.issuer for value in values if (permission := _permission(value))})
    return " and ".join(one_line(issuer, 60) for issuer in named[:5]) or "nobody"


def _judge_parameters(
    owner: str, ours: Sequence[_Permission], account_url: str, methods: Sequence[str]
) -> list[Finding]:
    """RFC 8657 §3, §4: both parameters of one record must be met together."""
    bound = [permission for permission in ours if _binds_to(permission, account_url)]
    if not bound:
        return [_wrong_account(owner, account_url)]
    allowed = [method for method in methods if any(_allows(permission, method) for permission in bound)]
    if methods and not allowed:
        listed = ", ".join(sorted({one_line(method, 20) for permission in bound for method in permission.methods}))
        what = f"CAA of {owner} allows only the validation method {listed or 'nothing'}"
        return [problem(_CHECK, what, f"use one of those, or add {methods[0]} to validationmethods")]
    findings = [ok(_CHECK, f"CAA of {owner} lets this CA issue")]
    for refused in (method for method in methods if method not in allowed):
        findings.append(warning(_CHECK, f"CAA of {owner} does not allow {refused}", f"prove the name by {allowed[0]}"))
    return findings


def _binds_to(permission: _Permission, account_url: str) -> bool:
    """A repeated `accounturi` is met by no account (RFC 8657 §3); nor is any where we have none yet."""
    return not permission.accounts or (bool(account_url) and permission.accounts == (account_url,))


def _allows(permission: _Permission, method: str) -> bool:
    return not permission.methods or method in permission.methods


def _wrong_account(owner: str, account_url: str) -> Finding:
    what = f"CAA of {owner} lets only another account of this CA issue"
    if not account_url:
        return warning(_CHECK, what, "an account is not registered yet; add its URL as accounturi once it is")
    return problem(_CHECK, what, f"set accounturi={account_url}, or remove the parameter")
