"""The hand that issues: asks the CA whose turn it is, or two at once, and keeps what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import msgspec

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Statement
from evercert.engine.asking.answering import is_turn, note
from evercert.engine.asking.attempting import Attempting, Joint
from evercert.engine.asking.choosing import Ask, Later, Passed, choose, pause, tried
from evercert.engine.asking.lanes import Full, Lane, call_in, in_line, lanes_of, places_given_up, with_room
from evercert.engine.asking.lineup import Entrant, line_up
from evercert.engine.asking.lingering import Lingering
from evercert.engine.asking.ordering import Without
from evercert.engine.asking.prospects import begun_at
from evercert.engine.asking.racing import race
from evercert.engine.asking.verdicts import is_silence, verdict_of
from evercert.engine.limits.holding import Held
from evercert.engine.report import Telling
from evercert.issue.attempt import OrderProcessing
from evercert.model.event import CaPassedOver
from evercert.model.fact import (
    CertificateFact,
    Failure,
    Hold,
    Issuance,
    IssuanceStatus,
    IssuedCertificate,
    Outage,
    Verdict,
)
from evercert.model.task import Task
from evercert.model.terms import CaChoice
from evercert.store import certificates, events, health, issuances, lanes

__all__ = ["Issuing"]

# An order may still be finished although its CA does not answer now, or wants us to wait.
_PASSING = frozenset({Verdict.OUTAGE, Verdict.LIMITED})

# For so long nobody else asks a CA of which somebody else is just finding out whether it answers again.
_TURN = timedelta(minutes=1)

# Words that are kept are cut to this.
_REASON = 500

_Outages = Mapping[str, Outage]
# The open issuances of a certificate, by their CA and account.
_Begun = Mapping[CaChoice, Issuance]


@dataclass(frozen=True, slots=True)
class _Failed:
    """A CA that was asked in vain, and what that says of it (nothing, where it was no CA's matter)."""

    ca: CaChoice
    error: EvercertError
    verdict: Verdict | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Issuing:
    """Does `Step.ISSUE`."""

    attempting: Attempting
    clock: Clock
    rng: Random
    telling: Telling
    lingering: Lingering

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards there is a certificate, or a failure with the time of the next attempt, or it is put off because
        no CA can be asked now. Of two that were asked the one that lost is given up, and withdrawn by `CLEAN_UP`."""
        begun = await begun_at(db, fact)
        outages = await health.outages(db)
        entry, found = await self._entry(db, fact, outages, begun)
        if isinstance(entry, Later):
            await self._put_off(db, fact, entry)
            return True
        if isinstance(entry, Full):
            await self._stand_in_line(db, fact, entry)
            return True
        self.telling(f"issuing: {task.reason}")
        entrants = await self._line_up(db, fact, entry, begun)
        joint = Joint(db, fact, self.attempting.challenges.route(fact.intent))
        asked = [each.ca.directory for each in entrants]
        try:
            with self.lingering.attempt(asked):
                outcomes = await race([self.attempting.obtain(joint, entrant) for entrant in entrants])
        except asyncio.CancelledError:  # told to end, in the middle of finding out whether a CA answers
            with suppress(EvercertError):  # then nobody asks for as long as the last pause was
                for known in [outages[ca] for ca in asked if ca in outages]:
                    await health.give_turn_back(db, known)
            raise
        await self._keep(db, fact, dict(zip([each.ca for each in entrants], outcomes, strict=True)), outages)
        await call_in(db, (lane for ca in entry.cas for lane in found[ca]), self.clock.now())
        return True

    async def _entry(
        self, db: Database, fact: CertificateFact, outages: _Outages, begun: _Begun
    ) -> tuple[Ask | Later | Full, Mapping[CaChoice, tuple[Lane, ...]]]:
        """Whom to ask, and the lanes of each. Whether a CA answers again is found out by one certificate, for which
        there is a place: who is not that one chooses anew."""
        now, ours = self.clock.now(), dict[str, Outage]()
        found: dict[CaChoice, tuple[Lane, ...]] = {}
        outages = {**outages, **self.lingering.outages()}
        while True:
            entry: Ask | Later | Full = choose(fact, now, outages, tuple(begun))
            if isinstance(entry, Ask):
                found |= {ca: await lanes_of(db, fact.intent, ca) for ca in entry.cas if ca not in found}
                entry = await with_room(db, fact.intent.name, entry, found, begun, now)
            asked = [ca.directory for ca in entry.cas] if isinstance(entry, Ask) else []
            for known in [outages[ca] for ca in asked if ca in outages and ca not in ours]:
                if not await is_turn(db, known, now):
                    outages = {**outages, known.ca: msgspec.structs.replace(known, until=now + _TURN)}
                    break
                ours[known.ca] = known
            else:
                for known in [ours[ca] for ca in ours if ca not in asked]:
                    await health.give_turn_back(db, known)
                return entry, found

    async def _put_off(self, db: Database, fact: CertificateFact, later: Later) -> None:
        # Those that wait for one CA do not all look at the same moment; the first of them asks it.
        until = later.until + (later.until - self.clock.now()) * self.rng.random() / 4
        ca = later.waiting.ca
        reason = f"{ca.called} is not asked before: {later.waiting.reason}"
        await certificates.held(db, fact.intent.name, Hold(until, reason[:_REASON], ca.directory), fact.trials)
        self.telling(f"put off until {until:%Y-%m-%d %H:%M} UTC: {reason}")

    async def _stand_in_line(self, db: Database, fact: CertificateFact, full: Full) -> None:
        now, lane = self.clock.now(), full.lane
        hold = await in_line(db, fact, full, now)
        await certificates.held(db, fact.intent.name, hold, fact.trials, lane=lane.key)
        # Who left between our look and this has called in somebody else, or nobody.
        await lanes.call_in(db, lane.key, lane.most, now)
        self.telling(f"stands in line: {hold.limit}")

    async def _line_up(self, db: Database, fact: CertificateFact, choice: Ask, begun: _Begun) -> list[Entrant]:
        entrants, given_up = line_up(fact, choice, begun)
        now, asked = self.clock.now(), " and ".join(ca.called for ca in choice.cas)
        statements = [each for one in given_up for each in issuances.abandoned(one, f"{asked} is asked now", now)]
        if any(entrant.issuance is None for entrant in entrants):
            # Those that failed for this certificate alone were told when they did.
            statements += (events.appended(_passed_over(fact, each, choice), now) for each in choice.down)
        if statements:
            await db.write(*statements)
        return entrants

    async def _keep(
        self,
        db: Database,
        fact: CertificateFact,
        outcomes: Mapping[CaChoice, IssuedCertificate | EvercertError | None],
        outages: _Outages,
    ) -> None:
        failed: list[_Failed] = []
        for ca, outcome in outcomes.items():
            known = outages.get(ca.directory)
            if outcome is None:
                if known is not None:
                    await health.give_turn_back(db, known)
                continue
            error = outcome if isinstance(outcome, EvercertError) and not isinstance(outcome, Without) else None
            await note(db, ca.directory, known, error, self.clock.now())
            if isinstance(outcome, Without):
                continue
            if isinstance(outcome, EvercertError):
                verdict = None if isinstance(outcome, Full) else verdict_of(outcome)
                failed.append(_Failed(ca, outcome, verdict, is_silence(outcome)))
                if verdict is not None:
                    outcome.about(ca=ca.directory)
            else:
                until = f"{outcome.not_after:%Y-%m-%d %H:%M} UTC"
                self.telling(f"issued by {outcome.issuer}, serial {outcome.serial}, until {until}")
        full = [each.error for each in failed if isinstance(each.error, Full)]
        if len(full) == len(outcomes):
            await self._stand_in_line(db, fact, full[0])
        elif len(failed) == len(outcomes):
            await self._failed(db, fact, failed)

    async def _failed(self, db: Database, fact: CertificateFact, failed: Sequence[_Failed]) -> None:
        """Afterwards the failures are kept, with whom they leave to be asked, and when. A failure of the store is
        raised: it is no CA's matter and none of the certificate's."""
        for each in failed:
            if each.error.code.name == "store":
                raise each.error
        after = await certificates.fact(db, fact.intent.name)
        if after is None:
            return
        now, failures = self.clock.now(), after.failures + 1
        for each in failed:
            if each.verdict is not None:
                words, wait = each.error.message[:_REASON], each.error.after
                trials = tried(after, each.ca, each.verdict, words, now, self.rng, after=wait, silent=each.silent)
                after = msgspec.structs.replace(after, trials=trials)
        begun = await begun_at(db, after)
        then = choose(after, now, await health.outages(db), tuple(begun))
        retry_at = then.until if isinstance(then, Later) else now
        for each in failed:
            if each.verdict is None:  # the same at any CA
                wait = pause(after, failures, now, self.rng)
                retry_at = max(retry_at, now + max(each.error.after or timedelta(), wait))
        processing = {each.ca for each in failed if isinstance(each.error, OrderProcessing)}
        also = await places_given_up(db, after, begun, retry_at, now, processing)
        if retry_at == now:
            also += self._moved_on(after, failed, begun, then, now)
        error = failed[0].error
        if all(isinstance(each.error, Held) for each in failed):
            hold = None if retry_at == now else Hold(retry_at, error.message[:_REASON], failed[0].ca.directory)
            await certificates.held(db, fact.intent.name, hold, after.trials, *also)
            self.telling(f"{error.message}; {_next(then, retry_at, now)}")
            return
        failure = Failure(error.code.name, str(error), now, error.hint)
        await certificates.failed(db, fact.intent.name, failure, failures, retry_at, after.trials, *also)
        self.telling(f"failed: {error.message}; {_next(then, retry_at, now)}")

    def _moved_on(
        self, fact: CertificateFact, failed: Sequence[_Failed], begun: _Begun, then: Ask | Later, now: datetime
    ) -> Iterator[Statement]:
        """What is written where another CA is asked now: that those that failed are passed over, and the end of what
        was begun there and cannot be finished."""
        if isinstance(then, Later):
            return
        # Those that are down for all are told of by whoever places the next order (`_line_up`).
        is_new = any(ca not in begun for ca in then.cas)
        told = {passed.ca.directory for passed in then.down if is_new}
        for each in failed:
            if each.verdict is None or each.ca in then.cas:
                continue
            if each.ca.directory not in told:
                passed = Passed(each.ca, each.verdict, now, each.error.message)
                yield events.appended(_passed_over(fact, passed, then), now)
            issuance = begun.get(each.ca)
            if issuance and (issuance.status is IssuanceStatus.KEYED or each.verdict not in _PASSING):
                yield from issuances.abandoned(issuance, f"{each.verdict.value}: {each.error.message}", now)


def _passed_over(fact: CertificateFact, passed: Passed, choice: Ask) -> CaPassedOver:
    return CaPassedOver(
        certificate=fact.intent.name,
        ca=passed.ca.directory,
        account=passed.ca.account,
        verdict=passed.verdict.value,
        reason=passed.reason[:_REASON],
        next_ca=choice.cas[0].directory,
        next_account=choice.cas[0].account,
    )


def _next(then: Ask | Later, retry_at: datetime, now: datetime) -> str:
    if retry_at == now and isinstance(then, Ask):
        return f"asking {then.cas[0].called}"
    return f"next attempt at {retry_at:%Y-%m-%d %H:%M} UTC"
