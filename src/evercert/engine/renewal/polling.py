"""Asking CAs when to renew, for hundreds of certificates at a time (RFC 9773).

Of a million certificates that are asked about every six hours, 46 are due in a second, and of nearly all of them the
answer is what it was. So they are claimed together, asked about side by side (unsigned GETs over connections that
stay open, no more at one CA than its client allows), and written down in one transaction: where the window is as it
was, a row each with the next poll. The first poll of a certificate is done by `renewing`, with all else that a new one
needs; so is whatever is due besides. With a certificate that waits to be installed those that serve on meanwhile are
asked about: where their CA wants one replaced, its successor is installed at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from random import Random

import msgspec

from evercert.acme.client import AsyncClient
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, as_failure
from evercert.db.protocol import Database, Statement
from evercert.engine.accounts import Accounts
from evercert.engine.asking.answering import is_due, note_poll
from evercert.engine.asking.verdicts import is_silence
from evercert.engine.installing import in_service
from evercert.engine.leases import Leases
from evercert.engine.plan import plan
from evercert.engine.renewal.renewing import AHEAD, UNSUPPORTED, Answer, next_poll, renewal_of
from evercert.engine.report import Telling
from evercert.engine.urgency import rank_at
from evercert.model.fact import CertificateFact, IssuedCertificate, Outage, Renewal
from evercert.model.task import Step, Task
from evercert.store import accounts, certificates, health, renewals
from evercert.store.certificates import WORK
from evercert.store.guarded import goes_through
from evercert.store.leases import Lease

__all__ = ["Polling"]

# So many are claimed, asked about and written down together.
_PORTION = 500

# What is due for something else is left to the worker, and comes back here after this.
_LATER = timedelta(minutes=1)


class _Asked(msgspec.Struct, frozen=True):
    """One certificate whose CA is asked, what that suggested last, the CA that issued it, and the account there."""

    fact: CertificateFact
    issued: IssuedCertificate
    known: Renewal | None
    ca: str = ""
    account: str = ""


# What came of it, certificate by certificate: of each name the current one's, and with it of those in service.
_Heard = Mapping[str, Sequence[tuple[_Asked, Answer]]]


@dataclass(frozen=True, slots=True)
class Polling:
    """Does the polls that come again. For one loop at a time in each process."""

    db: Database
    leases: Leases
    accounts: Accounts
    clock: Clock
    rng: Random
    telling: Telling
    # Of which CAs it was told that they do not answer. Owned by this process alone.
    told: set[str] = field(default_factory=set)

    async def look(self) -> list[str]:
        """Afterwards every CA was asked again about each certificate for which nothing else was to be done; those
        certificates. No failure of a CA is raised: its next poll is another chance."""
        looked: dict[str, None] = {}
        silent: set[str] = set()
        while claimed := await self.leases.claim_polls(AHEAD, _PORTION):
            async with self.leases.keeping_all(claimed):
                await self._portion(claimed, silent)
            fresh = [each.certificate for each in claimed if each.certificate not in looked]
            looked |= dict.fromkeys(fresh)
            if not fresh:
                break
        return list(looked)

    async def _portion(self, claimed: Sequence[Lease], silent: set[str]) -> None:
        facts = await certificates.facts(self.db, [lease.certificate for lease in claimed])
        now = self.clock.now()
        current = [each for fact in facts.values() if (each := _asked(fact, now))]
        asked = await self._addressed([*current, *await self._in_service(current, now)])
        heard = await self._heard(asked, silent)
        written: list[list[Statement]] = []
        for lease in claimed:
            if fact := facts.get(lease.certificate):
                written.append([*self._written(lease, fact, heard.get(lease.certificate, ()), now)])
        await self._write(written)
        self.db.notify(WORK)

    async def _in_service(self, current: Sequence[_Asked], now: datetime) -> list[_Asked]:
        """The older ones that serve on while those wait to be installed."""
        facts = {number: each.fact for each in current for number in in_service(each.fact, now)}
        latest = await renewals.latest(self.db, [*facts])
        return [_Asked(facts[issued.id], issued, known) for issued, known in latest if issued.ari_id]

    async def _addressed(self, asked: Sequence[_Asked]) -> list[_Asked]:
        """The same, each with who is asked; the intent's own CA where the certificate came from elsewhere."""
        numbers = [each.issued.issuance_id for each in asked if each.issued.issuance_id is not None]
        known = await accounts.of_issuances(self.db, numbers)
        addressed: list[_Asked] = []
        for each in asked:
            own = (each.fact.intent.ca, each.fact.intent.account)
            ca, account = known.get(each.issued.issuance_id or 0, own)
            addressed.append(msgspec.structs.replace(each, ca=ca, account=account))
        return addressed

    async def _heard(self, asked: Sequence[_Asked], silent: set[str]) -> _Heard:
        """What came of asking about each of them; CAs that were *silent* in this look are not asked again."""
        groups: defaultdict[tuple[str, str], list[_Asked]] = defaultdict(list)
        for each in asked:
            groups[each.ca, each.account].append(each)
        outages = await health.outages(self.db)
        answers = await asyncio.gather(
            *(self._of_account(*key, group, outages.get(key[0]), silent) for key, group in groups.items())
        )
        heard: defaultdict[str, list[tuple[_Asked, Answer]]] = defaultdict(list)
        for each, answer in zip(chain(*groups.values()), chain(*answers), strict=True):
            heard[each.fact.intent.name].append((each, answer))
        return heard

    async def _of_account(
        self, ca: str, account: str, asked: Sequence[_Asked], known: Outage | None, silent: set[str]
    ) -> list[Answer]:
        """The same, all of them at one CA; what fails there is told once. The first of them finds out whether it
        answers at all; that it does not is no outage, for it may issue all the same."""
        if ca in silent or not is_due(known, self.clock.now()):
            return [self._failed(each.issued) for each in asked]
        first, others = asked[:1], asked[1:]
        answers = await self._asked_at(ca, account, first)
        failure = answers[0].failure
        if failure is None:
            await note_poll(self.db, known, self.clock.now())
        if failure is not None and is_silence(failure):
            silent.add(ca)
            answers += [self._failed(each.issued) for each in others]
        elif others:
            answers += await self._asked_at(ca, account, others)
        self._tell_failed(ca, [answer.failure for answer in answers if answer.failure], len(asked), ca in silent)
        return answers

    def _tell_failed(self, ca: str, failed: Sequence[EvercertError], asked: int, is_silent: bool) -> None:
        if failed and not (is_silent and ca in self.told):
            self.telling(f"{ca} could not say when to renew {len(failed)} of {asked} certificates: {failed[0]}")
        if is_silent:
            self.told.add(ca)
        else:
            self.told.discard(ca)

    async def _asked_at(self, ca: str, account: str, asked: Sequence[_Asked]) -> list[Answer]:
        try:
            client = (await self.accounts.registered(ca, account)).client
            # One that could not say last time may have learnt it; nothing else has us look.
            directory = await client.directory()
            supported = bool(directory.renewal_info or (await client.directory(refresh=True)).renewal_info)
        except Exception as error:  # whatever it is, it is no other CA's matter
            failure = as_failure(error)
            return [self._failed(each.issued, failure) for each in asked]
        return await asyncio.gather(*(self._answer(client, each.issued, supported) for each in asked))

    async def _answer(self, client: AsyncClient, issued: IssuedCertificate, supported: bool) -> Answer:
        if not supported:
            return Answer(next_poll(issued, self.clock.now(), self.rng, UNSUPPORTED))
        try:
            info = await client.renewal_info(issued.ari_id)
        except Exception as error:  # as above
            return self._failed(issued, as_failure(error))
        renewal = renewal_of(info, issued, self.clock.now(), self.rng)
        return Answer(renewal.poll_at, renewal)

    def _failed(self, issued: IssuedCertificate, error: EvercertError | None = None) -> Answer:
        return Answer(next_poll(issued, self.clock.now(), self.rng), failure=error)

    def _written(
        self, lease: Lease, fact: CertificateFact, heard: Sequence[tuple[_Asked, Answer]], now: datetime
    ) -> Iterator[Statement]:
        """What is to be kept of one certificate and of those in its service; where nothing was *heard*, that its CA was
        not asked."""
        moved = False
        if heard:
            poll_at = min(answer.poll_at for _, answer in heard)
        else:
            poll_at = now + (_LATER if isinstance(plan(fact, now), Task) else UNSUPPORTED)
        for asked, answer in heard:
            news = answer.renewal
            if news is None or (asked.known and renewals.is_same(asked.known, news)):
                continue
            self._tell(fact, news)
            yield from renewals.changed(asked.issued, asked.known, news, now)
            if fact.current and asked.issued.id == fact.current.id:
                fact = msgspec.structs.replace(fact, renewal=news)
            else:
                moved = True
        step = plan(msgspec.structs.replace(fact, ari_poll_at=poll_at), now)
        until = now if moved or isinstance(step, Task) else step.until
        yield renewals.polled(lease, poll_at, until, rank_at(fact, until), now)

    def _tell(self, fact: CertificateFact, renewal: Renewal) -> None:
        explained = f"; it explains that at {renewal.explanation_url}" if renewal.explanation_url else ""
        with self.telling.about(fact.intent.name):
            self.telling(f"the CA suggests to renew on {renewal.moment:%Y-%m-%d %H:%M} UTC{explained}")

    async def _write(self, written: Sequence[Sequence[Statement]]) -> None:
        """All in one transaction; where one is in the way (its certificate was pruned meanwhile), each alone."""
        if await goes_through(self.db, *(statement for each in written for statement in each)):
            return
        for each in written:
            if not await goes_through(self.db, *each):
                await self.db.write(each[-1])


def _asked(fact: CertificateFact, now: datetime) -> _Asked | None:
    """The certificate, if its CA can be asked about it and nothing else is to be done first."""
    step, current = plan(fact, now), fact.current
    if isinstance(step, Task) and step.step is not Step.POLL_RENEWAL_INFO:
        return None
    can_be = current and current.ari_id and fact.intent.renew.use_ari and now < current.not_after
    return _Asked(fact, current, fact.renewal) if current and can_be else None
