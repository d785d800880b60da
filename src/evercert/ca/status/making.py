"""The lists, made before anybody misses them: by schedule, and soon after a revocation.

Any node makes what is due and leased to nobody; the others go on serving what is there. A number is drawn for one list
alone, and the store takes no list whose number is lower than what it has, so neither two makers nor a late one harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from random import Random
from typing import Final

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.waiting import first_of
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.status.due import bases_after, due_lists, oldest_base
from evercert.ca.status.places import path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import crls, leases, revocations
from evercert.ca.store.crls import Base, ListKey, PublishedList
from evercert.db.protocol import Database, Wakeup
from evercert.pki.crl import Scope, crl_pieces

__all__ = ["DEBOUNCE", "ListMaker"]

_log = logging.getLogger(__name__)

# Seconds from the first news to the look that follows it, so that many revocations make one list.
DEBOUNCE: Final = 5.0
# Without any news.
_LOOK: Final = 60.0
# Longer than a list of millions takes; whoever has not published by then has died with it.
_LEASE: Final = timedelta(minutes=5)
# Between a revocation's moment and its commit, and between the clocks of two nodes, lies no more than this.
_SLACK: Final = timedelta(hours=1)
# What is signed on the loop: a few hundred entries take less than handing them to a thread and back.
_FEW: Final = 500
_FORGOTTEN_AT_ONCE: Final = 200
_SCOPES_AT_ONCE: Final = 100


@dataclass(slots=True)
class ListMaker:
    """Owned by one node, or by an operator beside it. *base* is the URL that certificates have their lists' from; empty
    where they have none, and then there are neither parts nor deltas."""

    db: Database
    clock: Clock
    rng: Random
    issuers: Issuers
    rules: StatusRules
    base: str
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def tend(self, news: Wakeup) -> None:
        """A turn of the duty: afterwards what was due is made, and there may be something new."""
        try:
            await self.look()
        finally:
            self.looked.set()
        await first_of(news.wait(), self.clock.sleep(_LOOK))

    async def look(self) -> None:
        """Afterwards every list that was due is made, or another node is at it. What fails is logged, and due still."""
        for issuer in self._living():
            # Deltas after the lists that they go on from.
            for delta in (False, True):
                scopes, lists = await self._known(issuer)
                numbers = {each.key: each.number for each in lists}
                for key in due_lists(issuer.name, scopes, lists, self.rules, self.clock.now()):
                    if key.delta is delta:
                        await self._try(issuer, key, numbers.get(key, 0))
            await self._forget(issuer)

    async def make_all(self) -> list[PublishedList]:
        """Afterwards every list is new, due or not; which they are. Raises what a signature or the store raises."""
        made = []
        for issuer in self._living():
            scopes, lists = await self._known(issuer)
            numbers = {each.key: each.number for each in lists}
            for delta in (False, True) if self.rules.delta_every else (False,):
                keys = [ListKey(issuer.name, partition, delta) for partition in scopes]
                made += [await self.make(issuer, key, numbers.get(key, 0)) for key in keys]
        return [each for each in made if each is not None]

    async def make(self, issuer: Issuer, key: ListKey, seen: int) -> PublishedList | None:
        """The list, published; None where another is at it, or has published one since the one of number *seen*."""
        now, name, holder = self.clock.now(), f"list {path_of(key)}", self.rng.getrandbits(62)
        if not await leases.take(self.db, name, holder, now, now + _LEASE):
            return None
        try:
            before = await crls.get(self.db, key)
            if (before.number if before else 0) != seen:
                return None
            return await self._made(issuer, key, before)
        finally:
            await leases.give_back(self.db, name, holder)

    # The steps

    def _living(self) -> Iterator[Issuer]:
        """Those whose certificates somebody may believe: retired ones too, until they end."""
        now = self.clock.now()
        return (each for each in self.issuers if each.signer.not_after > now)

    async def _known(self, issuer: Issuer) -> tuple[Mapping[int, int], list[PublishedList]]:
        """How many revocations there were in each of its scopes, which are all there by then, and its newest lists."""
        scopes, lists = await crls.of_issuer(self.db, issuer.name)
        missing = [each for each in range(self.rules.partitions + 1) if each not in scopes]
        for start in range(0, len(missing), _SCOPES_AT_ONCE):
            await crls.add_scopes(self.db, issuer.name, missing[start : start + _SCOPES_AT_ONCE])
        return {**dict.fromkeys(missing, 0), **scopes}, lists

    async def _try(self, issuer: Issuer, key: ListKey, seen: int) -> None:
        try:
            await self.make(issuer, key, seen)
        except EvercertError as error:
            if error.code.name != "conflict":  # else another node was quicker
                _log.error("the list %s could not be made: %s", path_of(key), error)

    async def _made(self, issuer: Issuer, key: ListKey, before: PublishedList | None) -> PublishedList:
        now = self.clock.now().replace(microsecond=0)
        base = await self._base(key, now) if key.delta else None
        # First how many there are, then what they are: whatever comes between is there and does not count.
        number, revoked = await crls.draw_number(self.db, issuer.name, key.partition)
        portions, count = await self._entries(key, base.this_update - _SLACK if base else None)
        life = self.rules.delta_life if base else self.rules.crl_life
        sign = partial(
            crl_pieces,
            issuer.signer,
            number=number,
            this_update=now,
            next_update=now + life,
            entries=portions,
            scope=self._scope(key),
            base_number=base.number if base else None,
            delta_urls=self._delta_urls(key),
        )
        in_thread = issuer.wants_thread or count > _FEW
        pieces, digest = await asyncio.to_thread(_digested, sign) if in_thread else _digested(sign)
        made = PublishedList(
            key=key,
            number=number,
            this_update=now,
            next_update=now + life,
            revoked=revoked,
            entries=count,
            octets=sum(map(len, pieces)),
            digest=digest,
            base=base.number if base else 0,
            bases=bases_after(before, now) if self._delta_urls(key) else (),
        )
        await crls.publish(self.db, made, pieces)
        _log.info("the list %s is made: number %d, %d entries", path_of(key), number, count)
        return made

    async def _base(self, key: ListKey, now: datetime) -> Base:
        newest = await crls.get(self.db, ListKey(key.issuer, key.partition))
        if newest is None:
            raise EvercertError("conflict", f"there is no list that {path_of(key)} could go on from")
        return oldest_base(newest, now)

    async def _entries(self, key: ListKey, since: datetime | None) -> tuple[list[bytes], int]:
        """What the list is made of, in pieces, and how many entries they are."""
        portions, count = [], 0
        async for portion in self._portions(key, since):
            portions.append(b"".join(portion))
            count += len(portion)
        return portions, count

    async def _portions(self, key: ListKey, since: datetime | None) -> AsyncIterator[list[bytes]]:
        partitions = [key.partition]
        if not key.partition:
            scopes, _ = await crls.of_issuer(self.db, key.issuer)
            partitions = list(scopes)
        for each in partitions:
            async for portion in revocations.entries(self.db, key.issuer, each, since):
                yield portion

    def _scope(self, key: ListKey) -> Scope | None:
        """RFC 5280 §5.2.5: the URL is the one in the certificates, also in a delta."""
        return Scope(self.base + path_of(ListKey(key.issuer, key.partition))) if key.partition else None

    def _delta_urls(self, key: ListKey) -> tuple[str, ...]:
        if not self.rules.delta_every or key.delta:
            return ()
        return (self.base + path_of(ListKey(key.issuer, key.partition, delta=True)),)

    async def _forget(self, issuer: Issuer) -> None:
        """RFC 5280 §3.3: an entry stays until a list has held it after its certificate's end."""
        _, lists = await crls.of_issuer(self.db, issuer.name)
        whole = [each.this_update for each in lists if not each.key.delta]
        while whole:
            count = await revocations.forget_expired(self.db, issuer.name, min(whole) - _SLACK, _FORGOTTEN_AT_ONCE)
            if count < _FORGOTTEN_AT_ONCE:
                return


def _digested(sign: partial[list[bytes]]) -> tuple[list[bytes], str]:
    pieces, digest = sign(), sha256()
    for each in pieces:
        digest.update(each)
    return pieces, digest.hexdigest()
