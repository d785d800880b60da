"""What `doctor` does once its options are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from evercert.acme.cas import KNOWN_CAS, KnownCa, LimitScope, find_ca
from evercert.acme.client import AsyncClient
from evercert.acme.problem import Problem
from evercert.base.errors import EvercertError, Exit
from evercert.base.names import Identifier, parse_identifiers
from evercert.cli.output import Output
from evercert.config.declaration.ca_names import ca_called
from evercert.config.settings import Settings
from evercert.engine.asking.choosing import cas_of
from evercert.engine.limits.budget import draws_on, limits_of
from evercert.engine.limits.remaining import Remaining, remaining
from evercert.engine.wiring import Engine, open_engine
from evercert.model.access import CaAccess
from evercert.model.fact import Account
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.terms import CaChoice
from evercert.net.dns import DnsResolver
from evercert.net.tls import probe
from evercert.observe.finding import Finding, Severity
from evercert.observe.preflight import CaFacts, Sight, examine_ca, examine_name
from evercert.observe.quota import Quota
from evercert.pki.keys import KeyType, generate
from evercert.store import accounts, cas, certificates

__all__ = ["Examination", "examine_all"]

# By CA and account: the names, and by what each would be proved.
_Subjects = dict[tuple[str, str], dict[Identifier, tuple[ChallengeRule, ...]]]

_MARKS = {Severity.OK: "ok     ", Severity.NOTE: "note   ", Severity.WARNING: "warning", Severity.PROBLEM: "problem"}


@dataclass(frozen=True, slots=True)
class Examination:
    """What was asked of `doctor`; with no `ca` or `account`, the certificate's own is meant, or the usual one."""

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
    found: dict[str, list[Finding]] = {}
    of_names: dict[str, dict[tuple[str, str], list[Finding]]] = {}
    named = ca_called(asked.ca, settings, output.warn) if asked.ca else None
    async with open_engine(settings, output.progress) as engine:
        everything = await _subjects(engine, settings, asked, named)
        for (directory, account), subjects in everything.items():
            which = f", account {account}" if _are_several(everything, directory) else ""
            access = await cas.access(engine.db, directory)
            if asked.ca_roots:
                access = msgspec.structs.replace(access, roots=asked.ca_roots)
            transport = engine.transport_to(access)
            sight = Sight(DnsResolver(settings.resolvers), transport, probe, asked.http_port, asked.tls_port)
            facts = await _ca_facts(engine, access, tuple(subjects), account)
            found.setdefault(directory + which, []).extend(await examine_ca(facts, sight))
            for identifier, rules in subjects.items():
                of_cas = of_names.setdefault(identifier.value, {})
                of_cas.setdefault((directory, which), []).extend(await examine_name(identifier, facts, rules, sight))
    found |= {name: _merged(of_cas) for name, of_cas in of_names.items()}
    output.result({about: [_document(each) for each in findings] for about, findings in found.items()}, *_lines(found))
    worst = max((finding.severity for findings in found.values() for finding in findings), default=Severity.OK)
    return Exit.CHALLENGE.value if worst is Severity.PROBLEM else Exit.OK.value


async def _subjects(engine: Engine, settings: Settings, asked: Examination, named: CaChoice | None) -> _Subjects:
    """The names to examine, each with how it would be proved, by each CA that may be asked and the account there."""
    subjects: _Subjects = {}
    known = await certificates.facts(engine.db, asked.names)
    for name in asked.names:
        intent = known[name].intent if name in known else None
        rules = _typed(asked) or (intent.challenges if intent else ())
        identifiers = intent.identifiers if intent else parse_identifiers((name,))
        for choice in _choices(intent, named, settings):
            account = asked.account or choice.account
            subjects.setdefault((choice.directory, account), {}).update(dict.fromkeys(identifiers, rules))
    return subjects


def _choices(intent: CertificateIntent | None, named: CaChoice | None, settings: Settings) -> Sequence[CaChoice]:
    """The CA that was named, else all of the certificate's, else the usual one."""
    known = cas_of(intent) if intent else ()
    if known and named is None:
        return known
    choice = named or CaChoice(find_ca(settings.ca))
    if choice in known or choice != CaChoice(choice.directory):
        return [choice]
    # A URL or an id says of no account; what is meant is the certificate's there.
    return [next((each for each in known if each.directory == choice.directory), choice)]


def _are_several(everything: _Subjects, directory: str) -> bool:
    """Whether more than one account at that CA is examined."""
    return sum(ca == directory for ca, _ in everything) > 1


def _merged(of_cas: Mapping[tuple[str, str], Sequence[Finding]]) -> list[Finding]:
    """What is found at every CA once; what at some of them alone, with which."""
    first, *others = of_cas.values()
    if not others:
        return list(first)
    everywhere = [each for each in first if all(each in findings for findings in others)]
    apart = [
        replace(each, what=f"at {urlsplit(ca).netloc}{which}: {each.what}")
        for (ca, which), findings in of_cas.items()
        for each in findings
        if each not in everywhere
    ]
    return [*everywhere, *apart]


def _typed(asked: Examination) -> tuple[ChallengeRule, ...]:
    if asked.dns:
        return (ChallengeRule("dns-01", asked.dns),)
    return (ChallengeRule("tls-alpn-01", "standalone"),) if asked.tls_alpn01 else ()


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
        quotas=await _quotas(engine, access, account, identifiers) if account else (),
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
        return await registered.client.standing(generate(KeyType.EC256)) or "not known to the CA"
    except Problem as problem:
        return problem.type.name.lower().replace("_", " ")
    except EvercertError:
        return ""


async def _quotas(
    engine: Engine, access: CaAccess, account: Account, identifiers: Sequence[Identifier]
) -> tuple[Quota, ...]:
    """What is left of the limits that a certificate for these names would draw on, by the ledger."""
    draws = [
        draw
        for limit in limits_of(access)
        for draw in draws_on(limit, account.name, identifiers)
        if draw.cost or draw.scope is LimitScope.FAILURES_PER_NAME
    ]
    return tuple(_quota(each) for each in await remaining(engine.db, access.directory, draws, engine.clock.now()))


def _quota(each: Remaining) -> Quota:
    used, period = each.count - each.left, timedelta(seconds=each.seconds)
    return Quota(f"{each.limit} ({each.about})", used, each.count, period, each.room_at)


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
