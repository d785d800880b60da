"""dns-persist-01: a TXT record that stays (draft-ietf-acme-dns-persist).

It is the one answer that is not taken away after the order: that is its use. A renewal finds it and
writes nothing. With `keep=no` it is treated like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.model.fact import Presented
from evercert.plugins.contracts import Resolver
from evercert.plugins.info import Field
from evercert.solve.dns01 import Place, Placing
from evercert.solve.records import Records
from evercert.solve.together import side_by_side

__all__ = ["PERSIST_FIELDS", "PersistSolver", "satisfies"]

PERSIST_FIELDS: Final = (
    Field("wildcard", "let the record stand for *.name and names below it too", default="no"),
    Field("persist_until", "date from which the record is void, such as 2027-12-31; empty: never"),
    Field("keep", "leave the record in place for later orders", default="yes"),
)

# A record that lapses while the CA still looks at it proves nothing.
_MARGIN = timedelta(hours=1)


class PersistSolver:
    """Keeps `plugins.contracts.Solver`. One instance serves many issuances at once."""

    def __init__(self, records: Records, placing: Placing, resolver: Resolver, clock: Clock) -> None:
        self._records = records
        self._placing = placing
        self._resolver = resolver
        self._clock = clock
        self._keeps = placing.options.flag("keep")
        # item id -> where it was written by this process.
        self._places: dict[int, Place] = {}

    async def present(self, items: Sequence[Presented], keep: Callable[[Presented], Awaitable[None]]) -> None:
        await side_by_side(self._present(item, keep) for item in items)

    async def ready(self, items: Sequence[Presented]) -> None:
        await side_by_side(self._ready(item) for item in items)

    async def clean_up(self, items: Sequence[Presented]) -> None:
        """Afterwards nothing is left where `keep=no`; else the records stay, and that is as it should be."""
        await side_by_side(self._clean_up(item) for item in items)

    async def close(self) -> None:
        """Nothing is open: a provider borrows its ports."""

    async def _present(self, item: Presented, keep: Callable[[Presented], Awaitable[None]]) -> None:
        place = await self._placing.place_of(item)
        if await self._stands(item, place):
            return
        self._places[item.id] = place
        await keep(_with_place(item, place))
        note = await self._records.add(
            place.zone, place.name, item.content, self._placing.ttl, issuance=item.issuance_id
        )
        self._places[item.id] = place = msgspec.structs.replace(place, note=note)
        if note:
            await keep(_with_place(item, place))

    async def _ready(self, item: Presented) -> None:
        place = self._places.get(item.id) or await self._placing.place_of(item)
        await self._placing.until_seen(item, place, lambda value: self._satisfies(value, item))

    async def _clean_up(self, item: Presented) -> None:
        if self._keeps or not (item.reference or item.id in self._places):
            self._places.pop(item.id, None)
            return
        place = self._places.get(item.id) or await self._placing.place_of(item)
        await self._records.remove(place.zone, place.name, item.content, place.note, issuance=item.issuance_id)
        self._places.pop(item.id, None)

    async def _stands(self, item: Presented, place: Place) -> bool:
        """Whether one of the zone's servers shows a record that serves: all are waited for in `ready`."""
        for server in await self._placing.servers_of(place):
            try:
                values = await self._resolver.txt(place.name, server=server)
            except EvercertError:
                continue
            return any(self._satisfies(value, item) for value in values)
        return False

    def _satisfies(self, value: str, item: Presented) -> bool:
        return satisfies(value, item.content, (self._clock.now() + _MARGIN).timestamp())


def satisfies(standing: str, wanted: str, at: float) -> bool:
    """Whether the *standing* record proves all that the *wanted* one would, until *at* (epoch seconds) at least."""
    here, there = _parsed(standing), _parsed(wanted)
    if here is None or there is None or here["issuer"] != there["issuer"]:
        return False
    if here.get("accounturi") != there.get("accounturi"):
        return False
    if there.get("policy", "").lower() == "wildcard" and here.get("policy", "").lower() != "wildcard":
        return False
    until = here.get("persistuntil", "")
    return not until or (until.isascii() and until.isdigit() and int(until[:15]) >= at)


def _parsed(value: str) -> Mapping[str, str] | None:
    """The record's issuer and tags (RFC 8659 §4.2's issue-value), or None where a CA finds it malformed:
    a tag twice, or nothing between two semicolons."""
    issuer, *parameters = (part.strip() for part in value.split(";"))
    fields = {"issuer": issuer.lower().removesuffix(".")}
    for parameter in parameters:
        tag, equals, text = parameter.partition("=")
        name = tag.strip().lower()
        if not equals or not name or name in fields:
            return None
        fields[name] = text.strip()
    return fields


def _with_place(item: Presented, place: Place) -> Presented:
    return msgspec.structs.replace(item, reference=msgspec.json.encode(place).decode())
