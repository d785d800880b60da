"""Somebody who asks the admin API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evercert.base.secret import Secret
from evercert.base.serving import Answer, Application, Asked

__all__ = ["AdminCaller"]


@dataclass
class AdminCaller:
    application: Application
    token: Secret | None = None
    certificate: bytes = b""

    async def raw(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Answer:
        path, _, query = path.partition("?")
        headers = [("content-type", content_type)]
        if self.token:
            headers.append(("authorization", f"Bearer {self.token.text()}"))
        asked = Asked(method, path, query, tuple(headers), body, "192.0.2.9", self.certificate)
        return await self.application(asked)

    async def get(self, path: str) -> Any:
        return await self._told("GET", path, b"")

    async def post(self, path: str, document: object = None) -> Any:
        return await self._told("POST", path, b"" if document is None else json.dumps(document).encode())

    async def delete(self, path: str) -> Any:
        return await self._told("DELETE", path, b"")

    async def refused(self, method: str, path: str, document: object = None) -> tuple[int, str]:
        """The status and the code of a refusal."""
        answer = await self.raw(method, path, b"" if document is None else json.dumps(document).encode())
        assert ("content-type", "application/problem+json") in answer.headers, answer
        told = json.loads(answer.body)
        assert told["status"] == answer.status
        return answer.status, told["type"].removeprefix("urn:evercert:error:")

    async def _told(self, method: str, path: str, body: bytes) -> Any:
        answer = await self.raw(method, path, body)
        assert answer.status in {200, 201}, answer
        return json.loads(answer.body)
