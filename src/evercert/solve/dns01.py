"""dns-01 and dns-account-01: a TXT record that the CA reads (RFC 8555 §8.4, draft-ietf-acme-dns-account-label)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.model.fact import Presented
from evercert.plugins.contracts import Resolver
from evercert.plugins.info import Field, Options
from evercert.solve.aliases import follow
from evercert.solve.propagation import Awaited, Propagation
from evercert.solve.records import Records
from evercert.solve.together import side_by_side
from evercert.solve.zones import Zones

__all__ = ["DNS_FIELDS", "DnsSolver", "Place", "Placing"]

# What every DNS provider has besides its own fields; a provider that has one of that name sets its default.
DNS_FIELDS: Final = (
    Field("ttl", "time to live of the record, in seconds", default="60"),
    Field("zone", "the zone to write to, where DNS does not show it"),
    Field("follow_cname", "write where a CNAME at the challenge's name points", default="yes"),
    Field("propagation_timeout", "seconds to wait until the record is seen everywhere; 0: do not look", default="120"),
    Field("propagation_servers", "servers to ask instead of the zone's own, comma separated: address[:port]"),
    Field("concurrency", "certificates proved through it at once, of all nodes together; empty: no limit"),
    Field("changes_per_minute", "records changed in a minute by all nodes together; empty: no limit"),
    Field("resolvers", "resolvers that must find the record too, comma separated: address[:port]"),
)


class Place(msgspec.Struct, frozen=True):
    """Where a record really stands, kept as the item's reference before it is written: an alias may
    have been changed by the time it is taken away. `note` is the provider's own."""

    zone: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Placing:
    """Finds out where to write and who must show it, as the options say."""

    options: Options
    resolver: Resolver
    zones: Zones
    propagation: Propagation

    async def place_of(self, item: Presented) -> Place:
        """The place noted for the item, or else where DNS says that it is."""
        if item.reference:
            return _noted(item.reference)
        name = await follow(item.place, self.resolver) if self.options.flag("follow_cname") else item.place
        return Place(self.options["zone"].strip(".").lower() or await self.zones.zone_of(name), name)

    async def servers_of(self, place: Place) -> Sequence[str]:
        return _listed(self.options["propagation_servers"]) or await self.zones.servers_of(place.zone)

    async def until_seen(self, item: Presented, place: Place, shows: Callable[[str], bool]) -> None:
        """Afterwards the CA will see it, as far as can be known from here."""
        timeout = float(self.options.number("propagation_timeout"))
        if timeout <= 0:
            return
        resolvers = _listed(self.options["resolvers"])
        servers = await self.servers_of(place)
        await self.propagation.until_seen(Awaited(place.name, item.place, shows, servers, resolvers, timeout))

    @property
    def ttl(self) -> int:
        return min(max(self.options.number("ttl"), 1), 86_400)


class DnsSolver:
    """Keeps `plugins.contracts.Solver` with a DNS provider. One instance serves many issuances at once."""

    def __init__(self, records: Records, placing: Placing) -> None:
        self._records = records
        self._placing = placing
        # item id -> its place, from `present` to `clean_up`: the item that `ready` is given is older than
        # the reference that was kept. Lost with the process; the store has it.
        self._places: dict[int, Place] = {}

    async def present(self, items: Sequence[Presented], keep: Callable[[Presented], Awaitable[None]]) -> None:
        await side_by_side(self._present(item, keep) for item in items)

    async def ready(self, items: Sequence[Presented]) -> None:
        await side_by_side(self._ready(item) for item in items)

    async def clean_up(self, items: Sequence[Presented]) -> None:
        await side_by_side(self._clean_up(item) for item in items)

    async def close(self) -> None:
        """Nothing is open: a provider borrows its ports."""

    async def _present(self, item: Presented, keep: Callable[[Presented], Awaitable[None]]) -> None:
        place = self._places[item.id] = await self._placing.place_of(item)
        # Durable before visible: whoever finds this item after a crash knows where to look.
        await keep(_with_place(item, place))
        note = await self._records.add(
            place.zone, place.name, item.content, self._placing.ttl, issuance=item.issuance_id
        )
        if note != place.note:
            place = self._places[item.id] = msgspec.structs.replace(place, note=note)
            await keep(_with_place(item, place))

    async def _ready(self, item: Presented) -> None:
        place = self._places.get(item.id) or await self._placing.place_of(item)
        await self._placing.until_seen(item, place, lambda value: value == item.content)

    async def _clean_up(self, item: Presented) -> None:
        if not (item.reference or item.id in self._places):
            return  # it was recorded, and its place is kept before it is written: so it never was
        place = self._places.get(item.id) or await self._placing.place_of(item)
        await self._records.remove(place.zone, place.name, item.content, place.note, issuance=item.issuance_id)
        self._places.pop(item.id, None)


def _with_place(item: Presented, place: Place) -> Presented:
    return msgspec.structs.replace(item, reference=msgspec.json.encode(place).decode())


def _noted(reference: str) -> Place:
    try:
        return msgspec.json.decode(reference, type=Place)
    except msgspec.DecodeError as error:
        raise EvercertError("store", "the note about a TXT record cannot be read") from error


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
