"""The hand that takes incidents further, step by step; every step is durable, guarded, and may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, Retry
from evercert.db.protocol import Database
from evercert.engine.incident.deciding import Close, Decision, Release, Stall, decide
from evercert.engine.report import Telling
from evercert.engine.revoking import Revoking
from evercert.model.fact import CertificateFact
from evercert.model.incident import Incident, IncidentState, Measures, Stage
from evercert.model.state import State, state_of
from evercert.store import certificates, incident_stages, incidents, issued
from evercert.store.certificates import WORK

__all__ = ["Incidents"]

# So many certificates are looked at, or moved in one transaction.
_PORTION = 500

# What a CA would not revoke is asked of it again after this.
_AGAIN = timedelta(minutes=10)

# A replacement is where it is to be. Where there is no target, nothing more is known than that it was issued.
_PLACED = frozenset({State.ISSUED, State.INSTALLED, State.SERVED})


@dataclass(frozen=True, slots=True)
class Incidents:
    """Owned by the engine; every node may look, and of those that see the same, one does it."""

    db: Database
    revoke: Revoking
    clock: Clock
    telling: Telling
    # So many revocations are asked for side by side.
    width: int

    async def attend(self) -> None:
        """Afterwards each that is open is as far as it gets for now."""
        while await self.advance_all():
            pass

    async def advance_all(self) -> bool:
        """`advance` each that is open; whether any of them got further."""
        moved = [await self.advance(incident.id) for incident in await incidents.open_ones(self.db)]
        return any(moved)

    async def advance(self, number: int) -> bool:
        """Afterwards what has become true of its certificates is noted, what is to be revoked was asked for, and the
        next step is taken if there is one; whether it got further. Raises `not-found`, and `store`."""
        incident = await incidents.get(self.db, number)
        if incident.state is not IncidentState.OPEN:
            return False
        try:
            if noted := await incident_stages.follow(self.db, number, self.clock.now()):
                self.db.notify(WORK)
            placed = await self._place(incident)
            revoked = await self._revoke(incident)
            decided = await self._decided(incident)
        except EvercertError as error:
            if error.code.name != "conflict":
                raise
            return False  # another node, or the operator, was first: the next look sees what he made of it
        return bool(noted or placed or revoked or decided)

    async def _place(self, incident: Incident) -> int:
        """How many replacements were found in every target."""
        moved = after = 0
        while portion := await incident_stages.placing(self.db, incident.id, _PORTION, after):
            after = portion[-1].issued_id
            facts = await asyncio.gather(*(certificates.fact(self.db, each.certificate) for each in portion))
            through = [each for each, fact in zip(portion, facts, strict=True) if fact and self._is_placed(fact)]
            ended = [each.issued_id for each in through if each.revoked_at or each.not_after <= self.clock.now()]
            live = [each.issued_id for each in through if each.issued_id not in set(ended)]
            revokes = incident.measures.revoke is not None
            moved += await self._moved(incident, ended, Stage.DONE)
            moved += await self._moved(incident, live, Stage.REVOKING if revokes else Stage.DONE)
        return moved

    def _is_placed(self, fact: CertificateFact) -> bool:
        return state_of(fact, self.clock.now()) in _PLACED

    async def _moved(self, incident: Incident, issued_ids: Sequence[int], after: Stage) -> int:
        await incident_stages.move_all(self.db, incident.id, issued_ids, Stage.REPLACED, after, self.clock.now())
        return len(issued_ids)

    async def _revoke(self, incident: Incident) -> int:
        """How many were revoked, of a portion of those that are to be."""
        due = await incident_stages.revoking(self.db, incident.id, self.clock.now() - _AGAIN, _PORTION)
        side_by_side = asyncio.Semaphore(self.width)

        async def one(issued_id: int, certificate: str) -> bool:
            async with side_by_side:
                with self.telling.about(certificate):
                    return await self._revoked(incident, issued_id, certificate)

        results = await asyncio.gather(*(one(each.issued_id, each.certificate) for each in due), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results.count(True)

    async def _revoked(self, incident: Incident, issued_id: int, name: str) -> bool:
        """Whether the CA has revoked it; what it says otherwise is kept, and asked again unless it is final."""
        reason = incident.measures.revoke
        fact, certificate = await certificates.fact(self.db, name), await issued.get(self.db, issued_id)
        if fact is None or certificate is None or reason is None:
            return False
        now, first = self.clock.now(), incident.measures.revoke_first
        try:
            await self.revoke(self.db, certificate, fact.intent, reason)
        except EvercertError as error:
            if error.code.name == "store":
                raise
            self.telling(f"the CA did not revoke serial {certificate.serial}: {error}")
            if fact.current is not None and fact.current.id == issued_id:
                # It was to be revoked first; that the CA does not is no reason to leave it in use. It is asked again.
                return await incident_stages.revoked(self.db, incident.id, issued_id, first=first, now=now)
            final = error.retry is Retry.NEVER
            after, detail = Stage.FAILED if final else Stage.REVOKING, f"not revoked: {error}"
            await incident_stages.move(self.db, incident.id, issued_id, Stage.REVOKING, after, now, detail=detail)
            return final
        self.telling(f"revoked, serial {certificate.serial}")
        return await incident_stages.revoked(self.db, incident.id, issued_id, first=first, now=now)

    async def _decided(self, incident: Incident) -> bool:
        decision = decide(incident, await incidents.waves(self.db, incident.id))
        await self._take(incident.id, incident.measures, decision)
        return isinstance(decision, Release | Stall | Close)

    async def _take(self, number: int, measures: Measures, decision: Decision) -> None:
        now = self.clock.now()
        match decision:
            case Release(wave, count):
                first = measures.revoke_first and measures.revoke is not None
                await incident_stages.release(self.db, number, wave, count, first=first, now=now)
                self.db.notify(WORK)
                self.telling(
                    f"incident {number}: wave {wave} is released, {count} certificate{'' if count == 1 else 's'}"
                )
            case Stall(why):
                await incidents.stall(self.db, number, why, now)
                self.telling(f"incident {number}: " + (f"no further wave for now: {why}" if why else "it goes on"))
            case Close(outcome):
                await incidents.close(self.db, number, IncidentState.DONE, outcome, now)
                self.telling(f"incident {number} is over: {outcome}")
