"""What `explain` tells of one certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.cli.declaring import tell_faults
from evercert.cli.display import put_off_document, put_off_words, when
from evercert.cli.outcome import planned, renewal
from evercert.cli.output import Output
from evercert.cli.store import looking
from evercert.config.declaration.declared import Declaration, Declared
from evercert.config.declaration.faults import Faulty, nearest
from evercert.config.declaration.reading import read_declaration
from evercert.config.declaration.schema import FreezeTable
from evercert.config.declaration.words import Moment, Span, WindowText
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.engine.asking.prospects import Prospect, prospects
from evercert.engine.declaring.applying import wanted_of
from evercert.engine.declaring.wanted import Wanted
from evercert.engine.installing import put_off
from evercert.engine.limits.remaining import Remaining, remaining_for
from evercert.engine.merging import lacking
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice
from evercert.store import certificates, declared

__all__ = ["explain", "prospect_lines"]

_BY_DEFAULT = "by default"

# Limits that are of no interest before something has failed.
_FAILURES = frozenset({"failures", "failures_in_a_row"})


async def explain(output: Output, settings: Settings, name: str) -> int:
    """Print it. Raises `not-found` for a name that is neither declared nor there."""
    try:
        declaration = _declared(settings)
    except Faulty as faulty:
        return tell_faults(output, faulty)
    certificates_declared = declaration.certificates if declaration else ()
    found = next((each for each in certificates_declared if each.intent.name == name), None)
    async with looking(settings) as db:
        bearer = await _bearer(db, declaration, name) if found and declaration else None
        fact = await certificates.fact(db, bearer.intent.name if bearer else name)
        intent = fact.intent if fact else found.intent if found else None
        limits = await remaining_for(db, intent, SystemClock().now()) if intent else []
        cas = await prospects(db, fact, SystemClock().now()) if fact else []
    if found is None and fact is None:
        hint = nearest(name, [each.intent.name for each in certificates_declared])
        raise EvercertError("not-found", "it is neither declared nor there", name=name, hint=hint)
    _print(output, name, found, bearer, fact, cas, limits)
    return 0


def _declared(settings: Settings) -> Declaration | None:
    """None where no declaration is named and none is here: what was obtained by hand is explained all the same."""
    if not settings.config and not settings.declaration.exists():
        return None
    return read_declaration(settings.declaration, settings)


async def _bearer(db: Database, declaration: Declaration, name: str) -> Wanted:
    """The certificate that is the declared one: itself, another one of the same needs, or a merged one."""
    wanted = await wanted_of(db, declaration, await declared.all_names(db))
    return next(each for each in wanted if name in {each.intent.name, *each.also})


def _print(
    output: Output,
    name: str,
    found: Declared | None,
    bearer: Wanted | None,
    fact: CertificateFact | None,
    cas: Sequence[Prospect],
    limits: Sequence[Remaining],
) -> None:
    now = SystemClock().now()
    said = dict(_said(found)) if found else {}
    met_by = bearer.intent.name if bearer and bearer.intent.name != name else ""
    document = {
        "name": name,
        "declared": str(found.origin) if found else None,
        "met_by": met_by or None,
        "values": {key: {"value": value, "from": where} for key, (value, where) in said.items()},
        "cas": cas,
        "renewal": renewal(fact) if fact else None,
        "next": planned(fact, now) if fact else None,
        "put_off": put_off_document(put_off(fact, now)) if fact else [],
        "limits": limits,
    }
    lines = [f"{name}: {f'declared in {found.origin}' if found else 'not declared; obtained by hand, or kept'}"]
    width = max(map(len, said), default=0)
    lines += [f"  {key.ljust(width)}  {value}  ({where})" for key, (value, where) in said.items()]
    if bearer and met_by:
        how = "merged with others into" if bearer.intent.terms.members else "the same as"
        lines.append(f"  {how} {met_by}, and met by that certificate")
    lines += _left_out(fact, name, now) if fact else []
    lines += _ahead(document, fact)
    lines += [f"  {each}" for each in put_off_words(put_off(fact, now))] if fact else []
    lines += prospect_lines(cas, now)
    lines += [f"  limit: {each}" for each in limits if each.scope not in _FAILURES or each.left < each.count]
    output.result(document, *lines)


def _left_out(fact: CertificateFact, name: str, now: datetime) -> Iterator[str]:
    for each in lacking(fact, now):
        if name in {each.member, fact.intent.name}:
            yield f"  left out: {each.member}, until {when(each.until)}: {each.failure.message}"


def prospect_lines(cas: Sequence[Prospect], now: datetime) -> Iterator[str]:
    """Which CA is asked, where there is a choice, and what came of the others."""
    for each in cas if len(cas) > 1 or any(each.verdict for each in cas) else ():
        words = "is asked when it is due" if each.asked else "is asked if others cannot be"
        if each.verdict and each.until:
            again = f"not asked before {when(each.until)}" if now < each.until else "it may be asked again"
            words = f"{each.verdict}: {each.reason}; {again}"
        yield f"  {CaChoice(each.ca, each.account).called} {words}"


def _ahead(document: Mapping[str, object], fact: CertificateFact | None) -> Iterator[str]:
    if fact is None:
        yield "  next: nothing, before it is applied (`evercert apply`)"
    else:
        yield f"  renewal: {document['renewal']}"
        yield f"  next: {document['next']}"


def _said(found: Declared) -> Iterator[tuple[str, tuple[str, str]]]:
    intent = found.intent
    yield "names", (", ".join(map(str, intent.identifiers)), str(found.origin))
    yield "proved by", (", ".join(f"{rule.type} by {rule.solver}" for rule in intent.challenges), "see its rules")
    for wish, (value, origin) in found.said.values().items():
        if value is None:
            yield wish, (_usual(wish, intent), _BY_DEFAULT)
        else:
            yield wish, (_shown(value), f"{origin.key} in {origin}" if origin else _BY_DEFAULT)


def _usual(wish: str, intent: CertificateIntent) -> str:
    """What it is where nobody says it."""
    match wish:
        case "cas":
            return intent.ca
        case "renew_at":
            return "2/3 of its life, 1/2 under ten days"
        case "ca_weights":
            return "none: in the order of cas"
        case "ari":
            return "true"
        case "targets":
            return ", ".join(spec.plugin for spec in intent.targets)
    value = getattr(intent, wish) if hasattr(intent, wish) else getattr(intent.terms, wish)
    return _shown(value) or "-"


def _shown(value: object) -> str:
    """As it was written, about."""
    match value:
        case Enum():
            return str(value.value)
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(map(_shown, value))
        case WindowText() | Moment() | Span():
            return value.written
        case FreezeTable():
            return f"{value.since.written} to {value.until.written}" + (f" ({value.reason})" if value.reason else "")
    return str(value or "")
