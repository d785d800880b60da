"""Which CA is asked for a certificate, or two at once, or until when none.

Rules of this file:

* Pure, total, stable: the same facts give the same choice.
* The CAs are asked in the intent's order, after one that an incident prefers. One whose trial has not lapsed, or that
  does not answer, is not asked; whether the next one is asked meanwhile is the verdict's matter.
* Another account at the same CA counts as another CA, but for whether that answers.
* An order that was begun goes before a CA that is preferred: it may be a moment from its certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from evercert.base.backoff import retry_delay
from evercert.engine.renewal.calendar import last_call
from evercert.engine.urgency import is_urgent
from evercert.model.fact import CertificateFact, Outage, Trial, Verdict
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice

__all__ = ["TWICE", "Ask", "Later", "Passed", "affordable", "cas_of", "choose", "pause", "tried"]

# For a limit is waited as long as a tenth of the time that is left, or for a new certificate so long: nothing lapses
# without it, but somebody waits.
_AFFORDABLE: Final = 1 / 10
_NEW: Final = timedelta(hours=1)

# For one certificate's own matter (a 500, an order that takes too long) the second time is no accident any more.
TWICE: Final = 2
# What fails at one CA is likely to fail at the next, whose limits for failures it would use up as well.
_GIVEN_UP: Final = 3
# Asked again after a refusal as after the fourth failure: in a day, or sooner if the end is near.
_REFUSED: Final = 4

# As long as others wait at most until one of them looks again (store/health.py).
_SILENT: Final = timedelta(minutes=15)

# Two answers at once for one name: what is served to a TLS handshake can be one certificate only.
_ONE_AT_A_TIME: Final = "tls-alpn-01"


@dataclass(frozen=True, slots=True)
class Passed:
    """A CA that is not asked now although it goes before one that is. *outage*: it is down for everybody."""

    ca: CaChoice
    verdict: Verdict
    until: datetime
    reason: str
    outage: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask these: one, or two at once."""

    cas: tuple[CaChoice, ...]
    passed: tuple[Passed, ...] = ()

    @property
    def down(self) -> tuple[Passed, ...]:
        """Those passed over that are down for everybody: each CA once, by the account there that goes first."""
        first: dict[str, Passed] = {}
        for each in self.passed:
            if each.outage:
                first.setdefault(each.ca.directory, each)
        return tuple(first.values())


@dataclass(frozen=True, slots=True)
class Later:
    """Ask none before *until*; *waiting* is what then may have changed."""

    until: datetime
    waiting: Passed


def cas_of(intent: CertificateIntent, instead: CaChoice | None = None) -> tuple[CaChoice, ...]:
    """The intent's CAs in its order, each account there once; *instead* is whom an incident has asked before them."""
    wanted = (CaChoice(intent.ca, intent.account), *intent.terms.further_cas)
    return tuple(dict.fromkeys((instead, *wanted) if instead else wanted))


def choose(
    fact: CertificateFact, now: datetime, outages: Mapping[str, Outage], begun: Sequence[CaChoice] = ()
) -> Ask | Later:
    """Whom to ask now. *outages* are those of CAs (directories) that do not answer; *begun* are those at which
    issuances of the certificate are open."""
    # What was begun at a CA that an incident would rather not ask is no reason to ask it.
    preferred = fact.incident_ca
    choices = sorted(cas_of(fact.intent, preferred), key=lambda choice: (choice != preferred, choice not in begun))
    most = 2 if _may_race(fact, now) else 1
    asked: list[CaChoice] = []
    passed: list[Passed] = []
    for choice in choices:
        if choice.directory in {ca.directory for ca in asked}:  # the same CA twice at once finds out nothing more
            continue
        gate = max(_gates(fact, choice, now, outages), key=lambda gate: gate.until, default=None)
        if gate is None:
            asked.append(choice)
        else:
            passed.append(gate)
        if len(asked) == most or (gate is not None and not _lets_pass(fact, gate, now, outages)):
            break
    if asked:
        return Ask(tuple(asked), tuple(passed))
    first = min(passed, key=lambda gate: gate.until)
    return Later(first.until, first)


def tried(
    fact: CertificateFact,
    ca: CaChoice,
    verdict: Verdict,
    message: str,
    now: datetime,
    rng: Random,
    *,
    after: timedelta | None = None,
    silent: bool = False,
) -> tuple[Trial, ...]:
    """The trials after one more in vain; *after* is how long the CA asks us to wait. One that is *silent* is so for
    everybody: who found it out for all is not to wait longer than they do."""
    before = next((trial.failures for trial in fact.trials if trial.is_of(ca)), 0)
    others = [trial for trial in fact.trials if not trial.is_of(ca)]
    if verdict is Verdict.LIMITED and after:  # no failure, and the moment is this certificate's own
        return (*others, Trial(ca.directory, verdict, before, now + after, message, ca.account))
    failures = before + 1
    alone = len(cas_of(fact.intent, fact.incident_ca)) == 1
    counted = failures if verdict is not Verdict.REFUSED or alone else max(failures, _REFUSED)
    wait = max(after or timedelta(), pause(fact, counted, now, rng))
    if silent:
        wait = min(wait, _SILENT)
    return (*others, Trial(ca.directory, verdict, failures, now + wait, message, ca.account))


def pause(fact: CertificateFact, failures: int, now: datetime, rng: Random) -> timedelta:
    """How long to wait after so many failures in a row. What an incident replaces may be revoked at any moment."""
    life = fact.current.lifetime if fact.current else None
    left = _left_of(fact, now) if fact.incident_id is None else timedelta()
    return retry_delay(failures, left=left, life=life, rng=rng)


def _left_of(fact: CertificateFact, now: datetime) -> timedelta | None:
    """How long the current certificate is of use; None where there is none."""
    if fact.current is None:
        return None
    return timedelta() if fact.current.revoked_at is not None else fact.current.not_after - now


def _gates(fact: CertificateFact, ca: CaChoice, now: datetime, outages: Mapping[str, Outage]) -> Iterator[Passed]:
    for trial in fact.trials:
        if trial.is_of(ca) and trial.until > now:
            yield Passed(ca, trial.verdict, trial.until, trial.message)
    outage = outages.get(ca.directory)
    if outage is not None and outage.until > now:
        yield Passed(ca, Verdict.OUTAGE, outage.until, outage.message, outage=True)


def _lets_pass(fact: CertificateFact, gate: Passed, now: datetime, outages: Mapping[str, Outage]) -> bool:
    """Whether the next CA is asked rather than this one waited for."""
    if is_urgent(fact, now) and gate.ca != fact.incident_ca:
        return True
    left = _left_of(fact, now)
    failures = next((trial.failures for trial in fact.trials if trial.is_of(gate.ca)), 0)
    match gate.verdict:
        case Verdict.REFUSED:
            return True
        case Verdict.OUTAGE:
            outage = outages.get(gate.ca.directory)
            return failures >= TWICE or (outage is not None and outage.is_down)
        case Verdict.LIMITED:
            return gate.until - now > affordable(left)
        case Verdict.FAILED:
            return failures >= _GIVEN_UP


def affordable(left: timedelta | None) -> timedelta:
    """How long a limit is waited for rather than that another CA is asked, with so much of the life left; None where
    there is no certificate yet."""
    return _NEW if left is None else left * _AFFORDABLE


def _may_race(fact: CertificateFact, now: datetime) -> bool:
    """From the last call on two are asked at once, with a tenth of the life left. A fraction, so that one rule serves
    six days and ninety: the usual renewal (from 1/2 or 2/3 on) has had two fifths, or a quarter, of the life for asking
    one CA after another. What is left, 14 hours or 9 days, is too little to find out one by one which CA is ill."""
    current = fact.current
    if current is None or current.revoked_at is not None:
        return False
    if any(rule.type == _ONE_AT_A_TIME for rule in fact.intent.challenges):
        return False
    return now > last_call(current.not_before, current.not_after)
