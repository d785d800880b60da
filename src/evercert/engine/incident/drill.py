"""What an incident would meet, found out before there is one.

Reads the store, the CAs' directories, DNS and the targets; writes nothing, and asks no CA for anything. Of a server its
own check of its configuration is started, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from evercert.acme.wire import Directory
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.deploy.apply import rehearse
from evercert.engine.asking.permission import identities_of, objection
from evercert.engine.deploying import bundle_of
from evercert.engine.incident.outlook import towards
from evercert.engine.wiring import Engine
from evercert.model.fact import Account, CertificateFact, DeployStatus, IssuedCertificate
from evercert.model.incident import Measures
from evercert.model.intent import CertificateIntent, TargetSpec, challenge_rule_for
from evercert.observe.caa import CaaLookup, find_caa
from evercert.pki.keys import KeyType, generate
from evercert.store import accounts, certificates

__all__ = ["Drill", "Hindrance"]

# So many certificates are looked at side by side, and so many targets, whose servers are programs that are started.
_WIDTH = 20
_TARGETS = 2


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a certificate would not be replaced, as far as can be known from here; where it is not *is_certain*, it may
    be replaced nevertheless."""

    certificate: str
    what: str
    hint: str = ""
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class _Ca:
    """What is known of one CA and of us there: its directory, or why that cannot be read."""

    account: Account | None
    directory: Directory | None
    failure: EvercertError | None = None


class Drill:
    """One drill; what a CA says is read once in it."""

    def __init__(self, engine: Engine, lookup: CaaLookup, measures: Measures = Measures()) -> None:  # noqa: B008 - frozen
        self._measures = measures
        self._engine = engine
        self._lookup = lookup
        self._cas: dict[tuple[str, str], asyncio.Task[_Ca]] = {}
        self._at_targets = asyncio.Semaphore(_TARGETS)

    async def hindrances(self, names: Sequence[str]) -> list[Hindrance]:
        """Of each of these certificates, in their order."""
        room = asyncio.Semaphore(_WIDTH)

        async def about(name: str) -> list[Hindrance]:
            async with room:
                fact = await certificates.fact(self._engine.db, name)
                return [each async for each in self._about(fact)] if fact else []

        found = await asyncio.gather(*map(about, names))
        return [each for several in found for each in several]

    async def _about(self, fact: CertificateFact) -> AsyncIterator[Hindrance]:
        intent, now = towards(fact.intent, self._measures), self._engine.clock.now()
        try:
            self._engine.check(intent)
        except EvercertError as error:
            yield Hindrance(intent.name, error.message, error.hint)
        else:
            async for hindrance in self._in_targets(fact):
                yield hindrance
        for identifier in intent.identifiers:
            if challenge_rule_for(intent, identifier, {rule.type for rule in intent.challenges}) is None:
                yield Hindrance(intent.name, f"nothing says how {identifier.value} is to be proved")
        for hindrance in _known(fact, now):
            yield hindrance
        async for hindrance in self._at_ca(intent):
            yield hindrance

    async def _in_targets(self, fact: CertificateFact) -> AsyncIterator[Hindrance]:
        """What would keep its next certificate from being installed, found out with the one that is there."""
        if fact.current is None:
            return
        for spec in fact.intent.targets:
            async with self._at_targets:
                failure = await self._rehearsed(fact, fact.current, spec)
            if failure:
                words = f"it could not be installed in {spec.key}: {failure.message}"
                yield Hindrance(fact.intent.name, words, failure.hint)

    async def _rehearsed(
        self, fact: CertificateFact, current: IssuedCertificate, spec: TargetSpec
    ) -> EvercertError | None:
        engine = self._engine
        target = engine.targets.rehearsal(fact.intent, spec)
        if target is None:
            return None
        bundle = await bundle_of(engine.db, engine.sealer, fact, current, spec.key)
        return await rehearse(target, bundle)

    async def _at_ca(self, intent: CertificateIntent) -> AsyncIterator[Hindrance]:
        ca = await self._ca(intent.ca, intent.account)
        if ca.directory is None:
            words = f"its CA cannot be asked: {ca.failure.message if ca.failure else 'no directory'}"
            yield Hindrance(intent.name, words, ca.failure.hint if ca.failure else "")
            return
        if ca.account is None or not ca.account.url:
            words = f"there is no account {intent.account!r} at its CA yet; one would be registered"
            yield Hindrance(intent.name, words, is_certain=False)
        if intent.profile_required and intent.profile not in ca.directory.meta.profiles:
            yield Hindrance(intent.name, f"its CA does not offer the profile {intent.profile!r}")
        for hindrance in await asyncio.gather(*(self._caa(intent, each, ca, ca.directory) for each in _dns(intent))):
            if hindrance:
                yield hindrance

    async def _caa(
        self, intent: CertificateIntent, name: Identifier, ca: _Ca, directory: Directory
    ) -> Hindrance | None:
        answer, account_url = await find_caa(name, self._lookup), ca.account.url if ca.account else ""
        found = objection(intent, name, answer, identities_of(intent.ca, directory), account_url)
        return Hindrance(intent.name, found.what, found.hint) if found else None

    async def _ca(self, ca: str, account: str) -> _Ca:
        if (ca, account) not in self._cas:
            self._cas[ca, account] = asyncio.ensure_future(self._look(ca, account))
        return await self._cas[ca, account]

    async def _look(self, ca: str, name: str) -> _Ca:
        engine = self._engine
        account = await accounts.find(engine.db, ca, name)
        # A directory is read without an account; the key signs nothing.
        client = await engine.accounts.connect(ca, generate(KeyType.EC256))
        try:
            return _Ca(account, await client.directory())
        except EvercertError as error:
            return _Ca(account, None, error)


def _known(fact: CertificateFact, now: datetime) -> list[Hindrance]:
    """What the store tells: what is wrong with it already will be wrong then, too."""
    name, found = fact.intent.name, []
    if fact.stopped:
        hint = f"evercert tasks resume {name}"
        found.append(Hindrance(name, f"no CA is asked for it: {fact.stopped.reason}", hint))
    if fact.failure and fact.failures:
        words = f"the last attempt failed: {fact.failure.message}"
        found.append(Hindrance(name, words, fact.failure.hint, is_certain=False))
    if fact.hold and fact.hold.until > now:
        words = f"a limit holds it back until {fact.hold.until:%Y-%m-%d %H:%M} UTC: {fact.hold.limit}"
        found.append(Hindrance(name, words, is_certain=False))
    for deployment in fact.deployments:
        if deployment.status is DeployStatus.FAILED and deployment.failure:
            words = f"it cannot be installed in {deployment.target}: {deployment.failure.message}"
            found.append(Hindrance(name, words, deployment.failure.hint))
    return found


def _dns(intent: CertificateIntent) -> list[Identifier]:
    return [each for each in intent.identifiers if each.type == "dns"]
