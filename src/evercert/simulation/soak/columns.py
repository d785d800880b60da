"""The fleet as columns, one number for each certificate in each; and one certificate of it as the fact that the engine
knows."""

from __future__ import annotations

from array import array
from datetime import datetime, timedelta
from random import Random
from typing import Final

from evercert.acme.ari import moment_within
from evercert.base.names import Identifier
from evercert.engine.plan import renewal_fraction
from evercert.model.fact import CertificateFact, IssuedCertificate, Renewal, Trial
from evercert.model.intent import CertificateIntent, RenewPolicy
from evercert.model.terms import CaChoice, Terms
from evercert.simulation.clock import BEGIN
from evercert.simulation.soak.given import Given

__all__ = ["ACCOUNT", "NOBODY", "Columns", "moment_of", "seconds_of"]

ACCOUNT: Final = "default"
# No CA: there is no certificate.
NOBODY: Final = -1
_SECOND: Final = timedelta(seconds=1)
# So wide is the window that a CA suggests, as a part of the life, and so much of it is before the usual renewal; Let's
# Encrypt's are two fiftieths, but what is nearer together is harder.
_WINDOW: Final = 1 / 50
# Where a window was moved to that says "now".
_PAST: Final = timedelta(days=1)


def moment_of(seconds: int) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def seconds_of(moment: datetime) -> int:
    """The first whole second that is not before it."""
    return -((BEGIN - moment) // _SECOND)


class Columns:
    """`issued` is the second at which the current certificate's life began, `drawn` the one inside of its CA's window,
    `revoked` the one at which it will be revoked, or zero. `issuer` is its CA's number. What is true of few is in
    `trials`. Begins with a fleet whose lives are spread evenly, and with the new ones at its end."""

    def __init__(self, given: Given, rng: Random) -> None:
        count = given.certificates
        self.given = given
        self.lives = [timedelta(seconds=life) for life in given.lives]
        self.starts = [life * (renewal_fraction(life, RenewPolicy()) - _WINDOW / 2) for life in self.lives]
        self.further = Terms(further_cas=tuple(CaChoice(ca.directory, ACCOUNT) for ca in given.cas[1:]))
        self.issued = array("q", bytes(8 * count))
        self.drawn = array("q", bytes(8 * count))
        self.revoked = array("q", bytes(8 * count))
        self.issuer = array("b", bytes([255]) * count)
        self.on_schedule = array("b", bytes([1]) * count)
        self.trials: dict[int, tuple[Trial, ...]] = {}
        for number in range(count - int(count * given.new)):
            age = rng.random() * (self.starts[number % len(self.lives)] / _SECOND)
            self.put(number, -int(age), 0, rng)

    def __len__(self) -> int:
        return len(self.issued)

    def put(self, number: int, now: int, issuer: int, rng: Random) -> None:
        """Afterwards that CA's certificate, issued now, is the current one."""
        self.on_schedule[number] = self.issuer[number] != NOBODY and not self.revoked[number]
        self.issued[number] = now
        self.issuer[number] = issuer
        self.revoked[number] = 0
        self.trials.pop(number, None)
        start, end = self._window(number, moment_of(now))
        self.drawn[number] = seconds_of(moment_within(start, end, rng))

    def life(self, number: int) -> int:
        return self.given.lives[number % len(self.lives)]

    def ends(self, number: int) -> int:
        """The first second at which the current certificate is of no use any more."""
        end = self.issued[number] + self.life(number)
        return min(end, self.revoked[number]) if self.revoked[number] else end

    def latest(self, number: int) -> int:
        """When the next certificate is to be asked for at the latest: at the end of its CA's window, which is the
        usual renewal and half a window."""
        kind = number % len(self.lives)
        return self.issued[number] + seconds_of(BEGIN + self.starts[kind] + self.lives[kind] * _WINDOW)

    def domain(self, number: int) -> str:
        return f"d{number // self.given.per_domain}.test"

    def intent(self, number: int) -> CertificateIntent:
        name = f"c{number}.{self.domain(number)}"
        return CertificateIntent(
            name, (Identifier("dns", name),), self.given.cas[0].directory, ACCOUNT, terms=self.further
        )

    def fact(self, number: int, now: datetime) -> CertificateFact:
        """As the engine would read it from the store."""
        intent, trials = self.intent(number), self.trials.get(number, ())
        if self.issuer[number] == NOBODY:
            return CertificateFact(intent, created_at=BEGIN, trials=trials)
        current = self._current(number, intent.name, now)
        suggests = self.given.cas[self.issuer[number]].ari
        return CertificateFact(
            intent,
            current,
            renewal=self._renewal(number, current) if suggests else None,
            created_at=BEGIN,
            trials=trials,
            on_schedule=bool(self.on_schedule[number]),
            # Where the CA has no way to say it, a person does.
            incident_id=1 if self.revoked[number] and not suggests else None,
        )

    def _current(self, number: int, name: str, now: datetime) -> IssuedCertificate:
        begins = moment_of(self.issued[number])
        revoked = moment_of(self.revoked[number]) if self.revoked[number] else None
        return IssuedCertificate(
            id=number,
            certificate=name,
            issuance_id=number,
            key_id=None,
            serial="",
            not_before=begins,
            not_after=begins + self.lives[number % len(self.lives)],
            fingerprint="",
            issuer="",
            ari_id="known",
            issued_at=begins,
            revoked_at=revoked if revoked and revoked <= now else None,
        )

    def _renewal(self, number: int, current: IssuedCertificate) -> Renewal:
        start, end = self._window(number, current.not_before)
        moment = moment_of(self.drawn[number])
        if self.revoked[number]:  # `drawn` is when the CA announced it
            start, end = moment - _PAST, moment
        return Renewal(start, end, moment, end)

    def _window(self, number: int, begins: datetime) -> tuple[datetime, datetime]:
        kind = number % len(self.lives)
        start = begins + self.starts[kind]
        return start, start + self.lives[kind] * _WINDOW
