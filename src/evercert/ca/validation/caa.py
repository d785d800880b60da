"""CAA before issuance: whether DNS lets this CA issue for each name of an order (RFC 8659, RFC 8657).

Whatever was looked up when a name was validated, it is looked up again for every name before a certificate is signed:
in 2020 a large CA asked for one name of an order as often as the order had names, and revoked three million.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from evercert.acme.caa import owners, permission, relevant, unknown_critical
from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier
from evercert.base.probe import CaaRecord, Looked, Outcome
from evercert.ca.validation.network import Asked, Network, Witness

__all__ = ["CaaMode", "CaaRules", "ToIssue", "check_caa"]

# As many questions at once as one resolver can be asked, and so many of them together: one name and those above it.
_AT_ONCE: Final = 32
_TOGETHER: Final = 8
# For all questions; a client waits for this with its finalize.
_PATIENCE: Final = 15.0

_Found = Mapping[str, Looked[CaaRecord]]


class CaaMode(Enum):
    """`lenient` is for private zones, which resolvers often fail to find: a question without an answer is no denial
    there, unless signatures are wrong. `strict` takes it for one. Records that there are count in both."""

    OFF = "off"
    LENIENT = "lenient"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class CaaRules:
    """`identities` are the names by which records mean this CA (the directory's `caaIdentities`)."""

    mode: CaaMode = CaaMode.LENIENT
    identities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToIssue:
    """One identifier of an order, and the challenge by which it was proved; "" where none was needed."""

    identifier: Identifier
    method: str


async def check_caa(
    wanted: Sequence[ToIssue],
    account_url: str,
    rules: CaaRules,
    network: Network,
    *,
    asked: list[Asked] | None = None,
    patience: float = _PATIENCE,
) -> None:
    """Returns where every one of *wanted* may be issued for, to that account, at this moment. Ends within *patience*
    seconds, and may be cancelled.

    Raises `Problem` (`caa`, `dns`), for several names with a subproblem each. An address has no CAA (RFC 8738 §7). What
    was asked is added to *asked* even then.
    """
    if rules.mode is CaaMode.OFF:
        return
    names = [each for each in wanted if each.identifier.type == "dns"]
    witness = Witness(network)
    try:
        found = await _looked_up(names, witness, patience)
    finally:
        if asked is not None:
            asked.extend(witness.asked)
    refusals = [refusal for each in names if (refusal := _refusal(each, found, account_url, rules))]
    if len(refusals) > 1:
        what = f"CAA does not let this CA issue for {len(refusals)} of the names"
        raise Problem(_common_type(refusals), what, subproblems=tuple(refusals))
    if refusals:
        raise refusals[0]


async def _looked_up(names: Sequence[ToIssue], network: Network, patience: float) -> _Found:
    """Every name and every name above it, each asked for once; what is not answered in time is silent."""
    room = asyncio.Semaphore(_AT_ONCE // _TOGETHER)
    late: Looked[CaaRecord] = Looked(Outcome.SILENT, fault=f"there was no answer within {patience:g} s")
    owned = list(dict.fromkeys(owner for each in names for owner in owners(each.identifier)))
    found = dict.fromkeys(owned, late)

    async def look_up(portion: Sequence[str]) -> None:
        async with room:
            found.update(await network.caa(portion))

    asking = [asyncio.ensure_future(look_up(owned[at : at + _TOGETHER])) for at in range(0, len(owned), _TOGETHER)]
    try:
        if asking:
            done, _ = await asyncio.wait(asking, timeout=patience)
            for task in done:
                task.result()
        return found
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def _refusal(wanted: ToIssue, found: _Found, account_url: str, rules: CaaRules) -> Problem | None:
    for owner in owners(wanted.identifier):
        looked = found[owner]
        if not looked.outcome.is_answer and _is_denial(looked.outcome, rules.mode):
            what = f"CAA of {owner} cannot be asked for: {looked.fault}; repair the zone's name servers"
            return Problem(ProblemType.DNS, what, name=wanted.identifier.value)
        if looked.records:
            return _judged(wanted, owner, looked.records, account_url, rules)
    return None


def _is_denial(outcome: Outcome, mode: CaaMode) -> bool:
    return mode is CaaMode.STRICT or outcome is Outcome.BOGUS


def _judged(
    wanted: ToIssue, owner: str, records: Sequence[CaaRecord], account_url: str, rules: CaaRules
) -> Problem | None:
    if unknown_critical(records):
        return _forbidden(wanted, owner, "has a critical property that this CA does not know")
    _, values = relevant(wanted.identifier, records)
    if not values:
        return None
    called = {name.lower() for name in rules.identities}
    ours = [found for value in values if (found := permission(value)) and found.issuer in called]
    if not ours:
        named = " or ".join(rules.identities) or "no name"
        return _forbidden(wanted, owner, f"does not let this CA issue; it is called {named} there")
    bound = [each for each in ours if each.binds_to(account_url)]
    if not bound:
        return _forbidden(wanted, owner, "lets this CA issue to another account alone (accounturi)")
    if not any(each.allows(wanted.method) for each in bound):
        method = wanted.method or "no challenge"
        return _forbidden(wanted, owner, f"does not allow {method} (validationmethods)")
    return None


def _forbidden(wanted: ToIssue, owner: str, what: str) -> Problem:
    return Problem(ProblemType.CAA, f"the CAA record set of {owner} {what}", name=wanted.identifier.value)


def _common_type(refusals: Sequence[Problem]) -> ProblemType:
    kinds = {refusal.type for refusal in refusals}
    return kinds.pop() if len(kinds) == 1 else ProblemType.CAA
