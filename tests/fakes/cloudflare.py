"""Cloudflare's DNS API (v4, zones and dns_records) as far as a provider uses it: keeps `base.message.Transport`.

As documented: every answer has `success`, `errors`, `result`; a token is sent as bearer; identical records are
refused (81058); a record that is not there is 404 (81044); content of TXT records comes back in quotes.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from evercert.base.clock import Clock
from evercert.base.message import Request, Response

__all__ = ["FakeCloudflare"]

_NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class FakeCloudflare:
    """`zones` maps a name to its id; `busy` so many calls are answered 429 first; each takes `latency` seconds."""

    token: str = "token"
    zones: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    busy: int = 0
    clock: Clock | None = None
    latency: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    calls: list[str] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def contents(self, name: str) -> list[str]:
        return sorted(each["content"] for each in self.records.values() if each["name"] == name)

    async def send(self, request: Request) -> Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.clock:
                await self.clock.sleep(self.latency)
            return self._answered(request)
        finally:
            self.at_once -= 1

    def _answered(self, request: Request) -> Response:
        url = urlsplit(request.url)
        path = url.path.removeprefix("/client/v4")
        self.calls.append(f"{request.method} {path}")
        if self.busy:
            self.busy -= 1
            return _response(429, [(971, "rate limited")], None, ("retry-after", "2"))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _response(403, [(10000, "Authentication error")], None)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if path == "/zones":
            found = [{"id": each, "name": name} for name, each in self.zones.items() if name == query["name"]]
            return _response(200, [], found)
        _, _, zone, _, *record = path.split("/")
        if zone not in self.zones.values():
            return _response(404, [(7003, "Could not route to the zone")], None)
        return self._on_records(request, zone, record, query)

    def _on_records(self, request: Request, zone: str, record: list[str], query: dict[str, str]) -> Response:
        if request.method == "DELETE":
            if self.records.pop(record[0], None) is None:
                return _response(404, [(81044, "Record does not exist.")], None)
            return _response(200, [], {"id": record[0]})
        if request.method == "POST":
            return self._create(zone, json.loads(request.body))
        wanted = ("zone", zone), ("type", query["type"]), ("name", query["name"])
        return _response(200, [], [each for each in self.records.values() if all(each[k] == v for k, v in wanted)])

    def _create(self, zone: str, document: dict[str, Any]) -> Response:
        if not document["content"].startswith('"') or document["ttl"] < 60:
            return _response(400, [(9004, "invalid record")], None)
        new = {"zone": zone, "type": document["type"], "name": document["name"], "content": document["content"]}
        if any(new.items() <= each.items() for each in self.records.values()):
            return _response(400, [(81058, "An identical record already exists.")], None)
        number = f"r{next(self._ids)}"
        self.records[number] = {"id": number, **new}
        return _response(200, [], self.records[number])


def _response(status: int, errors: list[tuple[int, str]], result: object, *headers: tuple[str, str]) -> Response:
    document = {
        "success": not errors,
        "errors": [{"code": code, "message": message} for code, message in errors],
        "messages": [],
        "result": result,
    }
    return Response(status, (("content-type", "application/json"), *headers), json.dumps(document).encode(), _NOW)
