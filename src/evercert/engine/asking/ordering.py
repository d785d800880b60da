"""Which names an issuance is for, and how a merged certificate goes on without some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.db.protocol import Database
from evercert.engine.merging import left_out_after
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact, Issuance
from evercert.pki.csr import names_in
from evercert.store import certificates

__all__ = ["LeavingOut", "Without", "for_names", "ordered"]


class Without(EvercertError):
    """Some names of a merged certificate failed, and it goes on without them: another order may be placed at once. Its
    own class because then neither the certificate nor the CA has failed."""


def ordered(fact: CertificateFact, issuance: Issuance) -> CertificateFact:
    """The same, wanted for the names of the issuance's request, which may lack those of some members."""
    return for_names(fact, names_in(issuance.csr)) if fact.intent.terms.members else fact


def for_names(fact: CertificateFact, names: Sequence[Identifier]) -> CertificateFact:
    return msgspec.structs.replace(fact, intent=msgspec.structs.replace(fact.intent, identifiers=tuple(names)))


@dataclass(frozen=True, slots=True)
class LeavingOut:
    """Owned by the engine."""

    rng: Random
    telling: Telling

    async def judged(
        self, db: Database, fact: CertificateFact, begun: Issuance | None, error: EvercertError, now: datetime
    ) -> EvercertError:
        """*error*, which an order for the fact's names came to; or `Without`, where it is about some members alone.
        Those are left out then, durably, with the time of their next attempt, and what was *begun* is given up."""
        name = fact.intent.name
        # Of what is held nothing failed: there is no room for an order.
        left_out = left_out_after(fact, error, now, self.rng) if error.code.name != "held" else ()
        after = await certificates.fact(db, name) if left_out else None
        if after is None or after.intent.terms.members != fact.intent.terms.members:
            return error
        is_open = begun is not None and begun.id in {each.id for each in (after.open_issuance, after.rival) if each}
        await certificates.leave_out(db, name, left_out, now, begun if is_open else None)
        for each in left_out:
            if each.failure.at == now:
                words = f"going on without {each.member} until {each.until:%Y-%m-%d %H:%M} UTC"
                self.telling(f"{words}: {each.failure.message}")
        return Without(error.code.name, f"some of its names failed: {error.message}", name=name)
