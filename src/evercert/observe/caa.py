"""CAA: whether DNS lets this CA issue for this name, to this account, by this method (RFC 8659, RFC 8657)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evercert.acme.caa import CaaProperty, Permission, owners, permission, relevant, unknown_critical
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning

__all__ = ["CaaAnswer", "CaaLookup", "find_caa", "judge_caa"]

_CHECK = "caa"


class CaaLookup(Protocol):
    async def caa(self, name: str) -> Sequence[CaaProperty]: ...


@dataclass(frozen=True, slots=True)
class CaaAnswer:
    """The relevant record set and its owner (RFC 8659 §3), or why it could not be asked for."""

    owner: str = ""
    records: tuple[CaaProperty, ...] = ()
    failed_at: str = ""
    failure: str = ""


async def find_caa(name: Identifier, lookup: CaaLookup) -> CaaAnswer:
    """Climbs from the name towards the root to the first record set there is (RFC 8659 §3).

    The resolver follows an alias at each step; the climb goes on from the name, not from where
    the alias leads. At most as many questions as the name has labels.
    """
    for owner in owners(name):
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
    if strange := unknown_critical(answer.records):
        what = f"CAA of {answer.owner} has the critical property {one_line(strange)!r}, which no CA knows"
        return [problem(_CHECK, what, "remove it, or its critical flag (128)")]
    return _judge_permissions(name, answer, identities, account_url, methods)


def _judge_permissions(
    name: Identifier, answer: CaaAnswer, identities: Sequence[str], account_url: str, methods: Sequence[str]
) -> list[Finding]:
    tag, values = relevant(name, answer.records)
    if not values:
        return [ok(_CHECK, f"CAA of {answer.owner} restricts nothing for this kind of name")]
    if not identities:
        what = f"CAA of {answer.owner} restricts who may issue, and this CA does not say what it is called there"
        return [note(_CHECK, what, "see the CA's documents for its issuer domain name")]
    ours = [found for value in values if (found := permission(value)) and found.issuer in identities]
    if not ours:
        what = f"CAA of {answer.owner} lets only {_issuers(values)} issue"
        return [problem(_CHECK, what, f'add the record: {answer.owner} CAA 0 {tag} "{one_line(identities[0], 253)}"')]
    return _judge_parameters(answer.owner, ours, account_url, methods)


def _issuers(values: Sequence[str]) -> str:
    named = sorted({found.issuer for value in values if (found := permission(value))})
    return " and ".join(one_line(issuer, 60) for issuer in named[:5]) or "nobody"


def _judge_parameters(
    owner: str, ours: Sequence[Permission], account_url: str, methods: Sequence[str]
) -> list[Finding]:
    """RFC 8657 §3, §4: both parameters of one record must be met together."""
    bound = [each for each in ours if each.binds_to(account_url)]
    if not bound:
        return [_wrong_account(owner, account_url)]
    allowed = [method for method in methods if any(each.allows(method) for each in bound)]
    if methods and not allowed:
        listed = ", ".join(sorted({one_line(method, 20) for each in bound for method in each.methods}))
        what = f"CAA of {owner} allows only the validation method {listed or 'nothing'}"
        return [problem(_CHECK, what, f"use one of those, or add {methods[0]} to validationmethods")]
    findings = [ok(_CHECK, f"CAA of {owner} lets this CA issue")]
    for refused in (method for method in methods if method not in allowed):
        findings.append(warning(_CHECK, f"CAA of {owner} does not allow {refused}", f"prove the name by {allowed[0]}"))
    return findings


def _wrong_account(owner: str, account_url: str) -> Finding:
    what = f"CAA of {owner} lets only another account of this CA issue"
    if not account_url:
        return warning(_CHECK, what, "an account is not registered yet; add its URL as accounturi once it is")
    return problem(_CHECK, what, f"set accounturi={account_url}, or remove the parameter")
