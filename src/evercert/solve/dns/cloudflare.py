"""Cloudflare DNS."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar
from urllib.parse import quote

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.plugins.rest import Rest
from evercert.solve.txt import quoted, unquoted

__all__ = ["Cloudflare"]

_API = "https://api.cloudflare.com/client/v4"


class Cloudflare:
    """Records are created and deleted one by one, by id; the id is kept for taking them away."""

    info: ClassVar = PluginInfo(
        "cloudflare",
        PluginKind.DNS,
        "Cloudflare DNS with an API token",
        (
            Field("api_token", "a token with Zone:DNS:Edit for the zone", required=True, secret=True),
            Field("zone_id", "the zone's id, for a token that may not list zones (Zone:Zone:Read)"),
            Field("url", "another address of the API", default=_API),
        ),
        "https://developers.cloudflare.com/api/resources/dns/",
    )
    record_by_record: ClassVar = True

    def __init__(self, options: Options, ports: Ports) -> None:
        headers = {"authorization": f"Bearer {options.secret('api_token').text().strip()}"}
        self._api = Rest(self.info.name, options["url"], ports.http, ports.clock, headers=headers, explain=_words)
        self._zone_id = options["zone_id"]
        # zone -> its id. Ids do not change; a zone that was deleted and made again shows as 404.
        self._ids: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        records = await self._records(zone, name)
        if standing := await self._id_of(records, name, value):
            return standing
        document = {"type": "TXT", "name": name, "content": quoted(value), "ttl": max(ttl, 60)}
        answer = await self._api.call("POST", records, document)
        return str(answer["result"]["id"])

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        records = await self._records(zone, name)
        if record := reference or await self._id_of(records, name, value):
            await self._api.call("DELETE", f"{records}/{quote(record, safe='')}", missing_ok=True)

    async def _records(self, zone: str, name: str) -> str:
        """The path of the zone's records."""
        async with self._looking:
            zone_id = self._zone_id or self._ids.get(zone) or await self._found(zone, name)
            self._ids[zone] = zone_id
        return f"/zones/{quote(zone_id, safe='')}/dns_records"

    async def _found(self, zone: str, name: str) -> str:
        found = (await self._api.get("/zones", name=zone))["result"]
        if not found:
            raise EvercertError(
                "zone-not-found",
                f"the token sees no zone {zone}",
                name=name,
                hint="give the token Zone:Zone:Read and Zone:DNS:Edit for it, or set zone_id",
            )
        return str(found[0]["id"])

    async def _id_of(self, records: str, name: str, value: str) -> str:
        """The id of the record that holds *value*, or "" if there is none."""
        answer = await self._api.get(records, type="TXT", name=name, per_page="100")
        return next((str(each["id"]) for each in answer["result"] if unquoted(each["content"]) == value), "")


def _words(body: Any) -> str:
    return "; ".join(f"{error['message']} ({error['code']})" for error in body["errors"])
