"""`/crl/...`: the newest list of each kind, from any node, whichever made it; never one that is over."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer, Asked
from evercert.ca.revoking import REVOKED
from evercert.ca.status.caching import cached, uncached
from evercert.ca.status.places import key_at
from evercert.ca.store import crls
from evercert.ca.store.crls import ListKey, PublishedList
from evercert.db.protocol import Database

__all__ = ["ListApplication"]

_log = logging.getLogger(__name__)

_TYPE: Final = "application/pkix-crl"  # RFC 2585 §4.2
# A list may be followed by another before it is over, so caches ask again; who has the newest is told so in few words.
_MAX_AGE: Final = timedelta(minutes=5)
_RETRY: Final = ("retry-after", "5")
# Octets of lists in memory, unless a single one has more.
_HELD: Final = 64 << 20

_NOTHING: Final = uncached(404, b"there is no such list\n")
_NOT_YET: Final = uncached(503, b"the list is being made\n", "text/plain; charset=utf-8", _RETRY)


@dataclass(slots=True)
class ListApplication:
    """Owned by one node. What is in memory is served only while the store says that it is the newest."""

    db: Database
    clock: Clock
    held: OrderedDict[ListKey, tuple[int, bytes]] = field(default_factory=OrderedDict)

    async def __call__(self, asked: Asked) -> Answer:
        if asked.method not in {"GET", "HEAD"}:
            return uncached(405, b"only GET is taken here\n", "text/plain; charset=utf-8", ("allow", "GET, HEAD"))
        key = key_at(asked.path)
        if key is None:
            return _NOTHING
        try:
            return await self._answer(asked, key)
        except EvercertError as error:
            _log.error("a list could not be read: %s", error)
            return _NOT_YET

    async def _answer(self, asked: Asked, key: ListKey) -> Answer:
        now = self.clock.now()
        found = await self._newest(key)
        if found is None:
            return _NOTHING
        newest, octets = found
        if newest.next_update <= now:
            self.db.notify(REVOKED)  # whoever makes lists looks at once
            return _NOT_YET
        until = min(now + _MAX_AGE, newest.next_update)
        return cached(asked, octets, _TYPE, digest=newest.digest, modified=newest.this_update, now=now, until=until)

    async def _newest(self, key: ListKey) -> tuple[PublishedList, bytes] | None:
        """As one value: while its pieces are read, another may take its place."""
        while newest := await crls.get(self.db, key):
            number, octets = self.held.get(key, (0, b""))
            if number == newest.number:
                self.held.move_to_end(key)
                return newest, octets
            read = await crls.body(self.db, newest)
            if read is not None:
                self._hold(key, newest.number, read)
                return newest, read
        return None

    def _hold(self, key: ListKey, number: int, octets: bytes) -> None:
        self.held[key] = (number, octets)
        self.held.move_to_end(key)
        while len(self.held) > 1 and sum(len(each) for _, each in self.held.values()) > _HELD:
            self.held.popitem(last=False)
