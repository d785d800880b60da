"""A client that sends whatever a test wants to send, and reads what comes back without believing any of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from evercert.acme.jose import CONTENT_TYPE, b64url, sign
from evercert.acme.problem import URN
from evercert.base.serving import Answer, Application, Asked
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.ca.given import BASE

__all__ = ["Wire", "encoded", "header", "kind_of", "read"]


@dataclass
class Wire:
    """One client, one key. `kid` is set once it has registered."""

    site: Application
    key: PrivateKey = field(default_factory=lambda: generate(KeyType.EC256))
    kid: str = ""
    nonce: str = ""
    peer: str = "192.0.2.7"

    async def get(self, url: str, method: str = "GET", **headers: str) -> Answer:
        return await self._send(method, url, b"", headers)

    async def post(self, url: str, payload: object = None, **more: Any) -> Answer:
        """A signed POST; POST-as-GET where there is no payload. *more* takes another key, kid, nonce or signed url."""
        body = None if payload is None else json.dumps(payload).encode()
        return await self.raw(url, await self.signed(more.pop("signed_url", url), body, **more))

    async def signed(self, url: str, body: bytes | None, **more: Any) -> bytes:
        nonce = more.get("nonce") or await self.fresh()
        kid = more.get("kid", self.kid)
        return sign(more.get("key", self.key), url=url, nonce=nonce, payload=body, kid=kid)

    async def raw(self, url: str, body: bytes, content_type: str = CONTENT_TYPE, **headers: str) -> Answer:
        answer = await self._send("POST", url, body, {"content-type": content_type, **headers})
        self.nonce = header(answer, "replay-nonce")
        return answer

    def forget(self) -> None:
        """The nonce at hand is too old."""
        self.nonce = ""

    async def fresh(self) -> str:
        """The nonce of the answer before, or a new one."""
        nonce, self.nonce = self.nonce, ""
        return nonce or header(await self.get(f"{BASE}/acme/new-nonce", "HEAD"), "replay-nonce")

    async def register(self, **payload: object) -> Answer:
        answer = await self.post(f"{BASE}/acme/new-account", {"termsOfServiceAgreed": True, **payload}, kid="")
        self.kid = header(answer, "location")
        return answer

    async def order(self, *names: str, **more: object) -> Answer:
        identifiers = [{"type": "dns", "value": name} for name in names]
        return await self.post(f"{BASE}/acme/new-order", {"identifiers": identifiers, **more})

    async def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = url.removeprefix(BASE).partition("?")
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return await self.site(Asked(method, path, query, fields, body, self.peer))


def read(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.body)
    return document


def header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key == name), "")


def kind_of(answer: Answer) -> str:
    """The problem's type without its URN; "" for what is no problem."""
    if header(answer, "content-type") != "application/problem+json":
        return ""
    return str(read(answer)["type"]).removeprefix(URN)


def encoded(der: bytes) -> str:
    return b64url(der)
