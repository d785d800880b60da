"""PowerDNS Authoritative Server, over its HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.plugins.rest import Rest
from evercert.solve.txt import quoted, unquoted

__all__ = ["PowerDns"]


class PowerDns:
    """The API replaces whole record sets: they are read, changed and written back."""

    info: ClassVar = PluginInfo(
        "powerdns",
        PluginKind.DNS,
        "PowerDNS Authoritative Server by its HTTP API",
        (
            Field("url", "the API's address, such as http://127.0.0.1:8081", required=True),
            Field("api_key", "the server's api-key", required=True, secret=True),
            Field("server", "the server's id in the API", default="localhost"),
        ),
        "https://doc.powerdns.com/authoritative/http-api/",
    )
    record_by_record: ClassVar = False

    def __init__(self, options: Options, ports: Ports) -> None:
        headers = {"x-api-key": options.secret("api_key").text()}
        url = options["url"].rstrip("/").removesuffix("/api/v1")
        self._api = Rest(self.info.name, url, ports.http, ports.clock, headers=headers, explain=_words)
        self._zones = f"/api/v1/servers/{quote(options['server'], safe='')}/zones"

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        kind, rrset = await self._txt_of(zone, name)
        records = rrset.get("records", [])
        if value not in _values(records):
            records = [*records, {"content": quoted(value), "disabled": False}]
            await self._replace(zone, name, records, rrset.get("ttl", ttl), kind)
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        kind, rrset = await self._txt_of(zone, name)
        records = rrset.get("records", [])
        left = [record for record in records if unquoted(record["content"]) != value]
        if len(left) < len(records):
            await self._replace(zone, name, left, rrset["ttl"], kind)

    async def _txt_of(self, zone: str, name: str) -> tuple[str, dict[str, Any]]:
        """The zone's kind, and its TXT record set at *name*; an empty one if there is none."""
        # A zone may be larger than any answer that we accept, so one set is asked for. Servers that do not know
        # the filter send the whole zone, so we look for ourselves too. What the filter does not show are records
        # that are disabled: nobody keeps those at a challenge's name.
        query = f"?rrset_name={quote(name)}.&rrset_type=TXT"
        document = await self._api.call("GET", self._path(zone) + query, missing_ok=True)
        if document is None:
            raise EvercertError(
                "zone-not-found",
                f"the server has no zone {zone}",
                name=name,
                hint="name the zone that it holds with zone=..., and is `server` right?",
            )
        sets = [each for each in document["rrsets"] if each["type"] == "TXT" and each["name"].lower() == f"{name}."]
        return document.get("kind", ""), sets[0] if sets else {}

    async def _replace(self, zone: str, name: str, records: Sequence[object], ttl: int, kind: str) -> None:
        change = {"name": f"{name}.", "type": "TXT", "changetype": "REPLACE" if records else "DELETE"}
        rrset = {**change, "ttl": ttl, "records": records} if records else change
        await self._api.call("PATCH", self._path(zone), {"rrsets": [rrset]})
        if kind in {"Master", "Primary"}:
            await self._notify(zone)

    async def _notify(self, zone: str) -> None:
        # The server notices the new serial by itself, a minute later. It refuses where there is nobody to tell.
        try:
            await self._api.call("PUT", f"{self._path(zone)}/notify")
        except EvercertError:
            return

    def _path(self, zone: str) -> str:
        return f"{self._zones}/{quote(zone, safe='')}."


def _values(records: Sequence[dict[str, Any]]) -> list[str]:
    # A disabled record is in the set and not in DNS.
    return [unquoted(record["content"]) for record in records if not record.get("disabled")]


def _words(body: Any) -> str:
    return str(body["error"])
