"""What happens to the fleet, event by event: who is due asks, whom the engine's rules hold back comes again.

Rules of this file:

* Whether, when and whom to ask, how long to wait and what an order draws is the engine's to say, by the functions that
  it uses in earnest. What is done about it is done at once: an order takes no time.
* A CA is not polled four times a day for each certificate: the moment of the poll that finds a window moved is drawn
  when it is moved. Nothing else comes of a poll.
* An event is a number, its moment above its certificate's, so that a million of them fit.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from random import Random
from typing import Final

import msgspec

from evercert.acme.cas import LimitScope
from evercert.engine.asking.choosing import Later, tried
from evercert.engine.limits import budget
from evercert.engine.limits.budget import Draw
from evercert.engine.renewal.renewing import next_poll
from evercert.model.fact import CertificateFact, Trial, Verdict
from evercert.model.terms import CaChoice
from evercert.simulation.soak.authority import Authority, Health
from evercert.simulation.soak.columns import ACCOUNT, NOBODY, Columns, moment_of, seconds_of
from evercert.simulation.soak.given import Given, Revocation, Rules
from evercert.simulation.soak.ledger import Ledger
from evercert.simulation.soak.tally import Tally

__all__ = ["Course"]

_BITS: Final = 24
_MASK: Final = (1 << _BITS) - 1
# A CA counts these when it has issued, the others when it is asked.
_OF_CERTIFICATES: Final = {LimitScope.CERTIFICATES_PER_DOMAIN, LimitScope.CERTIFICATES_PER_SET}


class Course:
    """`next` is the second at which each certificate is looked at again."""

    def __init__(self, given: Given, rules: Rules) -> None:
        if given.certificates > _MASK:
            raise ValueError(f"a soak is of {_MASK} certificates at most")
        self.given = given
        self.rules = rules
        self.rng = Random(f"soak {given.seed}")  # noqa: S311 - so that it comes again
        self.fleet = Columns(given, self.rng)
        self.ledger = Ledger()
        self.health = Health()
        self.tally = Tally()
        self.authorities = {ca.directory: Authority(number, ca, given.silences) for number, ca in enumerate(given.cas)}
        self.next = array("q", (self._due(number, 0) for number in range(len(self.fleet))))
        self._events = [moment << _BITS | number for number, moment in enumerate(self.next)]
        heapify(self._events)

    def run_until(self, end: int) -> None:
        """Afterwards all has happened that happens before that second."""
        events, following, limit = self._events, self.next, end << _BITS
        while events and events[0] < limit:
            event = heappop(events)
            now, number = event >> _BITS, event & _MASK
            if following[number] == now:  # else something has overtaken it
                self._look(number, now)

    def close(self, end: int) -> None:
        """Afterwards those are counted that lapsed and have no successor yet."""
        for number in range(len(self.fleet)):
            if self.fleet.issuer[number] != NOBODY and self.fleet.ends(number) < end:
                self.tally.lapse(number, self.fleet.ends(number), end)

    def announce(self, revocation: Revocation) -> None:
        """Afterwards each that is concerned learns of it at its next poll, or from a person where there are none."""
        fleet, now = self.fleet, revocation.at
        for number in range(len(fleet)):
            if fleet.issuer[number] == revocation.ca and self.rng.random() < revocation.share:
                fleet.revoked[number], fleet.drawn[number] = now + revocation.notice, now
                learns = self._learns(number, now)
                if number not in self.tally.waiting and learns < self.next[number]:
                    self._again(number, max(learns, self._due(number, now)))

    def _learns(self, number: int, now: int) -> int:
        """When the poll comes that finds the window moved: the last one was at any time within a poll's interval."""
        issuer = self.given.cas[self.fleet.issuer[number]]
        current = self.fleet.fact(number, moment_of(now)).current
        if current is None or not issuer.ari:
            return now
        moment = moment_of(now)
        moment += (next_poll(current, moment, self.rng) - moment) * self.rng.random()
        while self.authorities[issuer.directory].is_silent(seconds_of(moment)):
            moment = next_poll(current, moment, self.rng)
        return seconds_of(moment)

    def _due(self, number: int, now: int) -> int:
        """When the engine asks for the next certificate; not before *now*."""
        fact = self.fleet.fact(number, moment_of(now))
        if fact.current is None or fact.incident_id is not None:
            return now
        return max(now, seconds_of(self.rules.renewal(fact, fact.current)[0]))

    def _again(self, number: int, at: int) -> None:
        self.next[number] = at
        heappush(self._events, at << _BITS | number)

    def _look(self, number: int, at: int) -> None:
        """Afterwards it is issued, or it is kept when it is looked at again."""
        now = moment_of(at)
        fact = self.fleet.fact(number, now)
        if number not in self.tally.waiting and fact.current and not self.fleet.revoked[number]:
            self.tally.overslept += at > self.fleet.latest(number)
        while True:
            choice = self.rules.choose(fact, now, self.health.outages)
            if isinstance(choice, Later):
                self.tally.postponed += 1
                self.tally.waits(number, choice.waiting.reason)
                self._again(number, max(at + 1, seconds_of(choice.until)))
                return
            for ca in choice.cas:
                trials = self._ask(self.authorities[ca.directory], number, fact, now)
                if trials is None:
                    return
                self.fleet.trials[number] = trials
                fact = msgspec.structs.replace(fact, trials=trials)

    def _ask(self, ca: Authority, number: int, fact: CertificateFact, now: datetime) -> tuple[Trial, ...] | None:
        """None where it was issued; else the trials after this one."""
        directory, at = ca.given.directory, seconds_of(now)
        if ca.is_silent(at):
            self.tally.silent += 1
            self.health.silent(directory, now)
            return self._in_vain(fact, ca, Verdict.OUTAGE, "it does not answer", now, silent=True)
        self.health.answered(directory)
        draws = self._draws(ca, number, fact, now)
        if held := self.ledger.held(directory, draws, fact, now):
            self.tally.held += 1
            return self._in_vain(fact, ca, Verdict.LIMITED, held[1], now, after=held[0] - now)
        fails = self.given.failing > 0 and self.rng.randrange(self.given.failing) == 0
        counted = [draw for draw in draws if not (fails and draw.scope in _OF_CERTIFICATES)]
        self.ledger.pay(directory, counted, now)
        if wait := ca.refuses(counted, at):
            self.tally.refused += 1
            after = timedelta(seconds=wait)
            return self._in_vain(fact, ca, Verdict.LIMITED, "it says that a limit is used up", now, after=after)
        if fails:
            self.tally.failed += 1
            failed = budget.failure_draws(ACCOUNT, fact.intent.identifiers[0], ca.given.limits)
            self.ledger.pay(directory, failed, now)
            return self._in_vain(fact, ca, Verdict.FAILED, "the order failed", now)
        self._issued(ca, number, fact, draws, at)
        return None

    def _in_vain(
        self,
        fact: CertificateFact,
        ca: Authority,
        verdict: Verdict,
        why: str,
        now: datetime,
        *,
        after: timedelta | None = None,
        silent: bool = False,
    ) -> tuple[Trial, ...]:
        asked = CaChoice(ca.given.directory, ACCOUNT)
        return tried(fact, asked, verdict, why, now, self.rng, after=after, silent=silent)

    def _draws(self, ca: Authority, number: int, fact: CertificateFact, now: datetime) -> tuple[Draw, ...]:
        """What the order draws on (`Ledger._draws` of `engine/asking`)."""
        same = self.fleet.issuer[number] == ca.number
        window = fact.renewal
        inside = window is not None and window.window_start <= now < window.window_end
        limits = ca.given.limits
        return budget.draws(fact.intent, limits, account=ACCOUNT, renewal=same, ari=same and inside and ca.given.ari)

    def _issued(self, ca: Authority, number: int, fact: CertificateFact, draws: Sequence[Draw], now: int) -> None:
        tally, fleet, directory = self.tally, self.fleet, ca.given.directory
        counted = [draw.scope.word for draw in draws if draw.limit and draw.cost]
        tally.exempt += not counted
        tally.issued[directory] += 1
        for word in counted:
            tally.orders[directory, word] += 1
        if fleet.issuer[number] == NOBODY:
            tally.firsts += 1
        else:
            revoked = fleet.revoked[number] > 0
            tally.renewed(number, now, fleet.ends(number), fleet.life(number), revoked=revoked)
        if number in fleet.trials:
            self.ledger.forgive(directory, budget.forgiven_draws(fact.intent, ACCOUNT, ca.given.limits))
        tally.waiting.pop(number, None)
        fleet.put(number, now, ca.number, self.rng)
        self._again(number, self._due(number, now + 1))
