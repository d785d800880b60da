"""PowerDNS Authoritative Server, over its HTTP API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.plugins.rest import Rest
from evercert.solve.txt import quoted, unquoted

__all__ = ["PowerDns"]

# As the API shows it, with the time to live of its set.
_Record = Mapping[str, Any]

_MOST_FOUND = 1000


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
        server = f"/api/v1/servers/{quote(options['server'], safe='')}"
        self._zones, self._search = f"{server}/zones", f"{server}/search-data"

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        kind, shown = await self._txt_of(zone, name)
        if value not in _values(shown):
            others = _without(value, await self._with_disabled(zone, name, shown))
            record = {"content": quoted(value), "disabled": False, "ttl": ttl}
            await self._replace(zone, name, [*others, record], kind)
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        kind, shown = await self._txt_of(zone, name)
        if value in _values(shown):
            others = _without(value, await self._with_disabled(zone, name, shown))
            await self._replace(zone, name, others, kind)

    async def _txt_of(self, zone: str, name: str) -> tuple[str, list[_Record]]:
        """The zone's kind, and its TXT records at *name*, perhaps without those that are disabled."""
        # A zone may be larger than any answer that we accept, so one set is asked for. Servers that do not know
        # the filter send the whole zone, so we look for ourselves too.
        return await self._read(zone, name, f"?rrset_name={quote(name)}.&rrset_type=TXT")

    async def _with_disabled(self, zone: str, name: str, shown: Sequence[_Record]) -> list[_Record]:
        """All of the set: whoever replaces it must not lose what others have only switched off."""
        # Before 5.0 the filter leaves disabled records out (PowerDNS/pdns#11473); a search does not. It looks into
        # contents too and gives no more than it is asked for, and then only the whole zone will do.
        found = await self._api.get(self._search, q=name, max=str(_MOST_FOUND), object_type="record")
        if len(found) >= _MOST_FOUND:
            return (await self._read(zone, name, ""))[1]
        known = {record["content"] for record in shown}
        return [
            *shown,
            *(
                each
                for each in found
                if _is_txt(each, name) and each["zone"] == f"{zone}." and each["content"] not in known
            ),
        ]

    async def _read(self, zone: str, name: str, query: str) -> tuple[str, list[_Record]]:
        document = await self._api.call("GET", self._path(zone) + query, missing_ok=True)
        if document is None:
            raise EvercertError(
                "zone-not-found",
                f"the server has no zone {zone}",
                name=name,
                hint="name the zone that it holds with zone=..., and is `server` right?",
            )
        sets = [each for each in document["rrsets"] if _is_txt(each, name)]
        return document.get("kind", ""), [{**record, "ttl": each["ttl"]} for each in sets for record in each["records"]]

    async def _replace(self, zone: str, name: str, records: Sequence[_Record], kind: str) -> None:
        """Afterwards the set is these; its time to live stays the one of the records that were there first."""
        change: dict[str, Any] = {"name": f"{name}.", "type": "TXT", "changetype": "REPLACE" if records else "DELETE"}
        if records:
            plain = [{"content": each["content"], "disabled": each.get("disabled", False)} for each in records]
            change |= {"ttl": records[0]["ttl"], "records": plain}
        await self._api.call("PATCH", self._path(zone), {"rrsets": [change]})
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


def _is_txt(found: Mapping[str, Any], name: str) -> bool:
    return (found["type"], str(found["name"]).lower()) == ("TXT", f"{name}.")


def _values(records: Sequence[_Record]) -> list[str]:
    # A disabled record is in the set and not in DNS.
    return [unquoted(record["content"]) for record in records if not record.get("disabled")]


def _without(value: str, records: Sequence[_Record]) -> list[_Record]:
    return [record for record in records if unquoted(record["content"]) != value]


def _words(body: Any) -> str:
    return str(body["error"])
