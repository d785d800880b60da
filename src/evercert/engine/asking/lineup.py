"""Who takes part when a certificate is asked for, and which of its open issuances stay. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evercert.engine.asking.choosing import Ask, cas_of
from evercert.model.fact import CertificateFact, Issuance, IssuanceStatus, Presented
from evercert.model.terms import CaChoice

__all__ = ["Entrant", "line_up"]

# A certificate has at most an open issuance and its rival.
_ROOM = 2


@dataclass(frozen=True, slots=True)
class Entrant:
    """A CA that is asked: for the issuance that was begun there, or for a new one, which is a *rival* where the other
    seat is taken. *leftovers* are challenge answers of earlier attempts that this one may use or takes away."""

    ca: CaChoice
    rival: bool
    issuance: Issuance | None = None
    leftovers: Sequence[Presented] = field(default=())


def line_up(
    fact: CertificateFact, choice: Ask, begun: Mapping[CaChoice, Issuance]
) -> tuple[list[Entrant], list[Issuance]]:
    """The entrants, and the issuances that are given up for them. *begun* are the open ones by CA and account.

    What was ordered at a CA that is not asked now may yet be finished: it stays open as long as there is a seat.
    """
    asked = {ca: begun.get(ca) for ca in choice.cas}
    wanted = set(cas_of(fact.intent, fact.incident_ca)) - asked.keys()
    idle = [each for ca, each in begun.items() if ca in wanted and each.status is not IssuanceStatus.KEYED]
    waiting = sorted(idle, key=lambda issuance: issuance.id)[::-1][: _ROOM - len(asked)]
    staying = [*waiting, *filter(None, asked.values())]
    seats = {False: fact.open_issuance, True: fact.rival}
    free = [rival for rival, issuance in seats.items() if issuance is None or issuance not in staying]
    entrants: list[Entrant] = []
    for ca in choice.cas:
        issuance = asked[ca]
        rival = issuance == fact.rival if issuance else free.pop(0)
        entrants.append(Entrant(ca, rival, issuance, _leftovers(fact, issuance, staying, first=not entrants)))
    return entrants, [each for each in seats.values() if each is not None and each not in staying]


def _leftovers(
    fact: CertificateFact, issuance: Issuance | None, staying: Sequence[Issuance], *, first: bool
) -> list[Presented]:
    """Its own; the *first* one takes those away that nobody needs any more. Another's are left alone."""
    needed = {each.id for each in staying}
    own = issuance.id if issuance else 0
    return [item for item in fact.leftovers if item.issuance_id == own or (first and item.issuance_id not in needed)]
