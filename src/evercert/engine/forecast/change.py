"""What if: the changes that a forecast may suppose, made to kinds of certificates before anything is reckoned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from evercert.engine.forecast.fleet import CaRules, Kind
from evercert.engine.plan import renewal_fraction
from evercert.model.intent import RenewPolicy

__all__ = ["MOST_FAILING", "UNCHANGED", "Change", "lead_of"]

# Where more fail it is not the limits that keep a fleet from its certificates.
MOST_FAILING = 0.9


@dataclass(frozen=True, slots=True)
class Change:
    """Suppositions about the chosen certificates, each of them nothing unless it is said.

    `life` (seconds): all have lived so long for ever; each stays as far in its life as it is, in proportion. `growth`:
    so many for each that there is, in the same domains. `to`: all are asked of that CA from their next renewal on.
    `onboard`: so many new ones a day, each in a domain of its own, or all `under` one. `outage` (seconds): no CA
    answers for so long from now on. `failing`: that part of all attempts is in vain.
    """

    life: int = 0
    growth: float = 1.0
    to: CaRules | None = None
    account: str = "default"
    onboard: int = 0
    under: str = ""
    outage: int = 0
    failing: float | None = None

    def __bool__(self) -> bool:
        return self != UNCHANGED

    def of(self, kind: Kind) -> Kind:
        """What becomes of a kind of certificates."""
        if not kind.chosen:
            return kind
        if self.life:
            kind = replace(kind, life=self.life, lead=lead_of(self.life, RenewPolicy()))
        if self.to:
            kind = replace(kind, ca=self.to.directory, account=self.account, ari=self.to.ari, further=())
        return kind


UNCHANGED = Change()


def lead_of(life: int, policy: RenewPolicy) -> int:
    """How many seconds before its end a certificate is renewed, where nothing else says so."""
    return life - int(life * renewal_fraction(timedelta(seconds=life), policy))
