"""`evercert doctor`: everything that can be known before a CA is asked, about one name and one CA."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.foreign import one_line
from evercert.base.message import Request, Transport
from evercert.base.names import Identifier
from evercert.model.intent import ChallengeRule
from evercert.observe.acme_challenge import judge_challenge_name, look_at_challenge_name
from evercert.observe.caa import find_caa, judge_caa
from evercert.observe.clock_skew import judge_clock
from evercert.observe.dns import DnsView, judge_dns, look_up
from evercert.observe.finding import Finding, note, problem, warning
from evercert.observe.fit import DNS_CHALLENGES, judge_fit
from evercert.observe.http_port import judge_http_port, look_at_http_port
from evercert.observe.lookup import Lookup
from evercert.observe.quota import Quota, judge_account, judge_quotas
from evercert.observe.tls_port import Probe, judge_tls_port, look_at_tls_port

__all__ = ["CaFacts", "Sight", "examine", "examine_ca", "examine_name"]

# What `obtain` takes where nothing else is said.
_DEFAULT_RULES = (ChallengeRule("http-01", "auto"),)


@dataclass(frozen=True, slots=True)
class CaFacts:
    """What is known of the CA and of us there. `identities` are its directory's `caaIdentities`;
    `account_status` is what it says of the account, empty where it was not asked."""

    directory: str
    identities: tuple[str, ...] = ()
    public: bool = True
    account_url: str = ""
    account_status: str = ""
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What the checks may look through. `http_port` and `tls_port` differ from 80 and 443 only
    where a private CA validates at other ports."""

    dns: Lookup
    http: Transport
    probe: Probe
    http_port: int = 80
    tls_port: int = 443


async def examine(name: Identifier, ca: CaFacts, rules: Sequence[ChallengeRule], sight: Sight) -> list[Finding]:
    """Everything about *name* and the CA. Reads only; bounded by the time-outs of *sight*; never
    raises for what it finds. For several names of one CA, `examine_ca` once and `examine_name` for each."""
    about_name, about_ca = await asyncio.gather(examine_name(name, ca, rules, sight), examine_ca(ca, sight))
    return [*about_name, *about_ca]


async def examine_ca(ca: CaFacts, sight: Sight) -> list[Finding]:
    """The CA's clock against ours, the account, the quotas."""
    findings = await _checked("clock", lambda: _clock(ca, sight))
    return [*findings, *judge_account(ca.account_url, ca.account_status), *judge_quotas(ca.quotas)]


async def examine_name(name: Identifier, ca: CaFacts, rules: Sequence[ChallengeRule], sight: Sight) -> list[Finding]:
    """Everything about *name*. *rules* are the configured challenges; the usual one where there are none."""
    matching = [rule for rule in rules or _DEFAULT_RULES if fnmatchcase(name.value, rule.match)]
    fit = judge_fit(name, matching, public_ca=ca.public)
    if name.type == "ip":
        return [*fit, *await _ports(name, (name.value,), matching, sight)]
    view = await look_up(name, sight.dns)
    needs_address = any(rule.type not in DNS_CHALLENGES for rule in matching)
    dns = judge_dns(name, view, needs_address=needs_address, public_ca=ca.public)
    others = await asyncio.gather(
        _checked("caa", lambda: _caa(name, ca, matching, sight)),
        _checked("acme-challenge", lambda: _challenge_name(name, matching, sight)),
        _ports(name, _reachable(name, view), matching, sight),
    )
    return [*fit, *dns, *(finding for findings in others for finding in findings)]


def _reachable(name: Identifier, view: DnsView) -> tuple[str, ...]:
    """A wildcard's own address says nothing of the hosts it covers."""
    return () if name.wildcard else view.addresses


async def _caa(name: Identifier, ca: CaFacts, rules: Sequence[ChallengeRule], sight: Sight) -> list[Finding]:
    answer = await find_caa(name, sight.dns)
    methods = tuple(dict.fromkeys(rule.type for rule in rules))
    return judge_caa(name, answer, identities=ca.identities, account_url=ca.account_url, methods=methods)


async def _challenge_name(name: Identifier, rules: Sequence[ChallengeRule], sight: Sight) -> list[Finding]:
    view = await look_at_challenge_name(name, sight.dns)
    return judge_challenge_name(view, needed=any(rule.type == "dns-01" for rule in rules))


async def _ports(
    name: Identifier, addresses: Sequence[str], rules: Sequence[ChallengeRule], sight: Sight
) -> list[Finding]:
    solvers = {rule.type: rule.solver for rule in rules}
    findings: list[Finding] = []
    if solver := solvers.get("http-01"):
        views = await look_at_http_port(name, addresses, sight.http, sight.http_port)
        findings += judge_http_port(name, views, solver, sight.http_port)
    tls = await look_at_tls_port(name, addresses, sight.probe, sight.tls_port)
    return [*findings, *judge_tls_port(name, tls, solvers.get("tls-alpn-01", ""), sight.tls_port)]


async def _clock(ca: CaFacts, sight: Sight) -> list[Finding]:
    try:
        response = await sight.http.send(Request("GET", ca.directory))
    except NetworkFailure as failure:
        return [
            problem("ca", f"{one_line(ca.directory)} does not answer: {failure.message}", failure.hint or "try later")
        ]
    if response.status != 200:
        return [warning("ca", f"{one_line(ca.directory)} answers {response.status}", "is this the CA's directory URL?")]
    return judge_clock(response.header("date"), response.received_at)


async def _checked(check: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """A check that cannot be made says so, and the others go on."""
    try:
        return await look()
    except EvercertError as error:
        return [note(check, f"could not be checked: {error.message}", error.hint)]
