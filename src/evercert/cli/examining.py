"""What `doctor` does once its options are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from evercert.acme.cas import KNOWN_CAS, KnownCa, Limit, LimitScope, find_ca
from evercert.acme.client import AsyncClient
from evercert.acme.problem import Problem
from evercert.base.errors import EvercertError, Exit
from evercert.base.names import Identifier, parse_identifiers
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.engine.wiring import Engine, open_engine
from evercert.model.access import CaAccess
from evercert.model.fact import Account
from evercert.model.intent import ChallengeRule
from evercert.net.dns import DnsResolver
from evercert.net.tls import probe
from evercert.observe.finding import Finding, Severity
from evercert.observe.preflight import CaFacts, Sight, examine_ca, examine_name
from evercert.observe.quota import Quota, quota_of
from evercert.observe.registered_domain import registered_domain
from evercert.pki.keys import KeyType, generate
from evercert.store import accounts, cas, certificates, quotas

__all__ = ["Examination", "examine_all"]

_MARKS = {Severity.OK: "ok     ", Severity.NOTE: "note   ", Severity.WARNING: "warning", Severity.PROBLEM: "problem"}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was asked of `doctor`."""

    names: Sequence[str]
    ca: str
    account: str
    http_port: int
    tls_port: int
    dns: str
    tls_alpn01: bool
    ca_roots: str


async def examine_all(output: Output, settings: Settings, asked: Examination) -> int:
    """Print what was found; the exit status says whether anything will fail."""
    identifiers = parse_identifiers(tuple(asked.names))
    directory = find_ca(asked.ca)
    async with open_engine(settings, output.progress) as engine:
        access = await cas.access(engine.db, directory)
        if asked.ca_roots:
            access = msgspec.structs.replace(access, roots=asked.ca_roots)
        transport = engine.transport_to(access)
        sight = Sight(DnsResolver(settings.resolvers), transport, probe, asked.http_port, asked.tls_port)
        facts = await _ca_facts(engine, access, identifiers, asked.account)
        found: dict[str, list[Finding]] = {directory: await examine_ca(facts, sight)}
        for identifier in identifiers:
            rules = await _rules(engine, identifier, asked)
            found[identifier.value] = await examine_name(identifier, facts, rules, sight)
    output.result({about: [_document(each) for each in findings] for about, findings in found.items()}, *_lines(found))
    worst = max((finding.severity for findings in found.values() for finding in findings), default=Severity.OK)
    return Exit.CHALLENGE.value if worst is Severity.PROBLEM else Exit.OK.value


async def _rules(engine: Engine, identifier: Identifier, asked: Examination) -> tuple[ChallengeRule, ...]:
    """How the name would be proved: as it was typed, else as its certificate is."""
    if asked.dns:
        return (ChallengeRule("dns-01", asked.dns),)
    if asked.tls_alpn01:
        return (ChallengeRule("tls-alpn-01", "standalone"),)
    fact = await certificates.fact(engine.db, identifier.base)
    return fact.intent.challenges if fact else ()


async def _ca_facts(engine: Engine, access: CaAccess, identifiers: Sequence[Identifier], name: str) -> CaFacts:
    """What the CA and our own books say; a CA that does not answer is found out by a check of its own."""
    known = next((each for each in KNOWN_CAS if access.directory in {each.directory, each.staging}), None)
    account = await accounts.find(engine.db, access.directory, name)
    return CaFacts(
        directory=access.directory,
        identities=await _identities(engine, access, known),
        public=known is not None,
        account_url=account.url if account else "",
        account_status=await _status(engine, account) if account and account.url else "",
        quotas=await _quotas(engine, known, account, identifiers) if account and known else (),
    )


async def _identities(engine: Engine, access: CaAccess, known: KnownCa | None) -> tuple[str, ...]:
    """The names by which CAA records allow the CA: by its directory, else by our table."""
    client = AsyncClient(
        access.directory,
        generate(KeyType.EC256),
        engine.transport_to(access),
        engine.clock,
        allow_http=access.allow_http,
    )
    try:
        return tuple((await client.directory()).meta.caa_identities)
    except EvercertError:
        return known.caa if known else ()


async def _status(engine: Engine, account: Account) -> str:
    try:
        registered = await engine.accounts.registered(account.ca, account.name)
        return str((await registered.client.account()).status)
    except Problem as problem:
        return problem.type.name.lower().replace("_", " ")
    except EvercertError:
        return ""


async def _quotas(
    engine: Engine, known: KnownCa, account: Account, identifiers: Sequence[Identifier]
) -> tuple[Quota, ...]:
    """What is left of those limits that our own books can count."""
    now = engine.clock.now()
    longest = max((limit.period for limit in known.limits), default=timedelta())
    uses = await quotas.issued_since(engine.db, account.ca, now - longest)
    found: list[Quota] = []
    for limit in known.limits:
        if limit.scope is LimitScope.ORDERS_PER_ACCOUNT:
            count, oldest = await quotas.orders_since(engine.db, account.id, now - limit.period)
            found.append(quota_of(limit, "", count, oldest + limit.period if oldest else None))
        else:
            recent = [use for use in uses if use.at >= now - limit.period]
            found += [quota_of(limit, *counted) for counted in _counted(limit, recent, identifiers)]
    return tuple(found)


def _counted(limit: Limit, uses: Sequence[quotas.Use], identifiers: Sequence[Identifier]) -> Iterator[tuple[str, int]]:
    """What the limit counts by, and how often that was used; nothing for what our books do not hold."""
    if limit.scope is LimitScope.CERTIFICATES_PER_SET:
        wanted = set(identifiers)
        yield "these names", sum(set(use.identifiers) == wanted for use in uses)
    elif limit.scope is LimitScope.CERTIFICATES_PER_DOMAIN:
        domains = Counter(domain for use in uses for domain in {registered_domain(each) for each in use.identifiers})
        for domain in sorted({registered_domain(each) for each in identifiers}):
            yield domain, domains[domain]


def _document(finding: Finding) -> dict[str, str]:
    word = finding.severity.word
    return {"check": finding.check, "severity": word, "what": finding.what, "hint": finding.hint}


def _lines(found: dict[str, list[Finding]]) -> Iterator[str]:
    """The worst first, each with what to do."""
    for about, findings in found.items():
        yield f"{about}:"
        for finding in sorted(findings, key=lambda each: -each.severity):
            yield f"  {_MARKS[finding.severity]}  {finding.check}: {finding.what}"
            if finding.hint:
                yield f"           → {finding.hint}"
