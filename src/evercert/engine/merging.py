"""Merged certificates: which of those that they are made of are asked for, and which are left out for a while.

Rules of this file:

* Pure. A certificate that is not merged has no members, and nothing here changes anything about it.
* A member is in with all its names, or out with all of them.
* When all that were asked for fail together, nobody is to blame: then the certificate has failed, as any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from random import Random

import msgspec

from evercert.base.backoff import retry_delay
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.model import state
from evercert.model.fact import CertificateFact, Failure, IssuedCertificate, LeftOut
from evercert.model.intent import CertificateIntent

__all__ = ["asked", "identifiers_of", "lacking", "lacks", "left_out_after", "returning"]


def asked(fact: CertificateFact, now: datetime) -> tuple[Identifier, ...]:
    """The names that an order is placed for now: all, but for those of members that are left out."""
    out = {each.member for each in fact.left_out if each.until > now}
    if not out:
        return fact.intent.identifiers
    values = {value for member, names in fact.intent.terms.members.items() if member not in out for value in names}
    return tuple(each for each in fact.intent.identifiers if each.value in values)


def identifiers_of(intent: CertificateIntent, target: str) -> tuple[Identifier, ...]:
    """The names for which the certificate is installed in a target: those of the member that brought it."""
    names = intent.terms.members.get(intent.terms.installed_as.get(target, ""))
    return intent.identifiers if names is None else tuple(each for each in intent.identifiers if each.value in names)


def lacks(fact: CertificateFact, current: IssuedCertificate, target: str) -> bool:
    """Whether *current* is not what belongs in the target: its member goes without, and keeps what it has."""
    names = fact.intent.terms.members.get(fact.intent.terms.installed_as.get(target, ""), ())
    return not state.covers(current.names, names)


def lacking(fact: CertificateFact, now: datetime) -> Iterator[LeftOut]:
    """The members that are left out: of the next certificate, or of the current one."""
    has = fact.current.names if fact.current else None
    return state.lacking(fact.left_out, fact.intent.terms.members, has, now)


def returning(fact: CertificateFact, now: datetime) -> str:
    """Why another certificate is issued although this one is not due: a member that it lacks is tried again."""
    if fact.current is None:
        return ""
    back = sorted(each.member for each in lacking(fact, now) if each.until <= now)
    return f"{', '.join(back[:3])}{' and others' if len(back) > 3 else ''} can be tried again" if back else ""


def left_out_after(fact: CertificateFact, error: EvercertError, now: datetime, rng: Random) -> tuple[LeftOut, ...]:
    """Who is left out after an order for the fact's names failed like that; nobody where it is not about some of its
    members alone."""
    bad = _failures(fact.intent.identifiers, error)
    values = {each.value for each in fact.intent.identifiers}
    tried = {member: of for member, of in fact.intent.terms.members.items() if values.issuperset(of)}
    failing = {member: next(bad[each] for each in of if each in bad) for member, of in tried.items() if bad.keys() & of}
    if not failing or len(failing) == len(tried):
        return ()
    known = {each.member: each for each in lacking(fact, now)}
    fresh = [_left_out(fact, member, known.get(member), failure, now, rng) for member, failure in failing.items()]
    # Who failed together is tried again together: that is one order, not many.
    until = max(each.until for each in fresh)
    return tuple((known | {each.member: msgspec.structs.replace(each, until=until) for each in fresh}).values())


def _left_out(
    fact: CertificateFact, member: str, before: LeftOut | None, error: EvercertError, now: datetime, rng: Random
) -> LeftOut:
    covered = fact.current is not None and state.covers(fact.current.names, fact.intent.terms.members[member])
    left, life = (fact.current.not_after - now, fact.current.lifetime) if fact.current and covered else (None, None)
    failures = (before.failures if before else 0) + 1
    wait = retry_delay(failures, left=left, life=life, rng=rng)
    until = now + (max(error.after, wait) if error.after else wait)
    return LeftOut(member, failures, until, Failure(error.code.name, str(error), now, error.hint))


def _failures(names: Sequence[Identifier], error: EvercertError) -> Mapping[str, EvercertError]:
    """What is wrong with which of the names. An authorization for a wildcard has the name without its star."""
    told = {each.name: each for each in (*error.parts, error) if each.name}
    return {each.value: told[word] for each in names for word in (each.base, each.value) if word in told}
