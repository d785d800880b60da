"""acme-dns's update call as it documents it: keeps `base.message.Transport`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evercert.base.message import Request, Response

__all__ = ["FakeAcmeDns"]


@dataclass
class FakeAcmeDns:
    """`accounts` maps a subdomain to its user and password; `values` what it serves: the last two of each."""

    accounts: dict[str, tuple[str, str]] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)

    async def send(self, request: Request) -> Response:
        document = json.loads(request.body)
        subdomain = document["subdomain"]
        shown = request.headers.get("x-api-user", ""), request.headers.get("x-api-key", "")
        if request.method != "POST" or not request.url.endswith("/update"):
            return _response(404, {"error": "not_found"})
        if self.accounts.get(subdomain) != shown:
            return _response(401, {"error": "forbidden"})
        if len(document["txt"]) != 43:
            return _response(400, {"error": "bad_txt"})
        self.values[subdomain] = [*self.values.get(subdomain, []), document["txt"]][-2:]
        return _response(200, {"txt": document["txt"]})


def _response(status: int, document: object) -> Response:
    body = json.dumps(document).encode()
    return Response(status, (("content-type", "application/json"),), body, datetime(2026, 11, 23, tzinfo=UTC))
