"""One ground for one corpus: a client that says whatever a case wants it to say, to any CA, over any transport."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from evercert.acme.jose import CONTENT_TYPE, Signer, b64url
from evercert.acme.problem import URN
from evercert.base.message import Request, Response, Transport
from evercert.base.names import parse_identifiers
from evercert.pki.chain import split_pem
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate

__all__ = ["Ground", "Speaker", "csr_of", "document", "verdict"]

_numbers: Final = count(1)
_GET: Final = b""


@dataclass
class Speaker:
    """One client. Every request is signed as it should be, but for what a case changes."""

    ground: Ground
    key: PrivateKey = field(default_factory=lambda: generate(KeyType.EC256))
    kid: str = ""
    nonce: str = ""

    async def fresh(self) -> str:
        nonce, self.nonce = self.nonce, ""
        return nonce or (await self.ask("newNonce", "HEAD")).header("replay-nonce") or ""

    async def ask(self, place: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        """An unsigned request. *place* is a URL, or a name in the directory."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.ground.transport.send(Request(method, self.ground.url(place), fields, body))
        return replace(answer, body=b"") if method == "HEAD" else answer

    async def post(self, place: str, payload: object = None, **changes: Any) -> Response:
        """A signed POST; POST-as-GET where there is no payload."""
        content_type = changes.pop("content_type", CONTENT_TYPE)
        method = changes.pop("method", "POST")
        body = await self.signed(place, payload, **changes)
        answer = await self.ask(place, method, body, content_type=content_type)
        self.nonce = answer.header("replay-nonce") or ""
        return answer

    async def signed(self, place: str, payload: object = None, **changes: Any) -> bytes:
        """The body of the request. *changes*: `key`, `header` (members; None leaves one out), `jws` (members of the
        whole), `signature` (what is done to it); a payload of bytes is taken as it is."""
        key: Signer = changes.pop("key", self.key)
        octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        header: dict[str, Any] = {"alg": key.jws_alg, "url": self.ground.url(place), "nonce": await self.fresh()}
        header |= {"kid": self.kid} if self.kid else {"jwk": key.jwk}
        header = {name: value for name, value in (header | changes.pop("header", {})).items() if value is not None}
        protected = changes.pop("protected", json.dumps(header).encode())
        return flattened(protected, _GET if payload is None else octets, key, **changes)

    async def register(self, **payload: object) -> Response:
        answer = await self.post("newAccount", {"termsOfServiceAgreed": True, **payload})
        self.kid = answer.header("location") or ""
        return answer

    async def order(self, *names: str, **more: object) -> Response:
        wanted = [{"type": "dns", "value": name} for name in names]
        return await self.post("newOrder", {"identifiers": wanted, **more})

    async def ready(self, *names: str) -> dict[str, Any]:
        """An order that waits for nothing but its request."""
        placed = await self.order(*names)
        for url in document(placed)["authorizations"]:
            shown = document(await self.post(url))
            if shown["status"] != "valid":
                challenge = next(each for each in shown["challenges"] if each["type"] == "http-01")
                self.ground.show(shown["identifier"]["value"], challenge["token"], self.key)
                await self.post(challenge["url"], {})
                await self.until(url, "valid")
        return {**await self.until(placed.header("location") or "", "ready"), "url": placed.header("location")}

    async def issued(self, *names: str, key: PrivateKey | None = None) -> dict[str, Any]:
        """An order with its certificate, which stands under `der`."""
        order = await self.ready(*names)
        await self.post(order["finalize"], {"csr": csr_of(*names, key=key)})
        done = await self.until(order["url"], "valid")
        chain = (await self.post(done["certificate"])).body
        return {**done, "der": b64url(split_pem(chain)[0]), "url": order["url"]}

    async def until(self, url: str, status: str) -> dict[str, Any]:
        for _ in range(200):
            shown = document(await self.post(url))
            if shown.get("status") == status:
                return shown
            await self.ground.pause()
        raise AssertionError(f"{url} is not {status}: {shown}")


@dataclass
class Ground:
    """A CA, and how the world shows it what it looks for. *pause* lets it work."""

    transport: Transport
    directory: Mapping[str, Any]
    show: Callable[[str, str, Signer], None]
    pause: Callable[[], Any]
    now: datetime
    eab: tuple[str, str] = ("", "")

    def dated(self, value: object) -> object:
        """*value* with the CA's own now, or a week after it, in the place of `{now}` and `{week}`."""
        moments = {"now": self.now, "week": self.now + timedelta(days=7)}
        words = {name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in moments.items()}
        return value.format(**words) if isinstance(value, str) else value

    def url(self, place: str) -> str:
        return str(self.directory.get(place, place))

    def speaker(self) -> Speaker:
        return Speaker(self)

    async def registered(self) -> Speaker:
        made = self.speaker()
        answer = await made.register()
        assert answer.status == 201, answer.body
        return made

    def name(self) -> str:
        """One that no other case has."""
        return f"n{next(_numbers)}.example.com"


def flattened(protected: bytes, payload: bytes, key: Signer, **changes: Any) -> bytes:
    head, body = b64url(protected), b64url(payload)
    signature = changes.pop("signature", lambda octets: octets)(key.sign_jws(f"{head}.{body}".encode()))
    jws = {"protected": head, "payload": body, "signature": b64url(signature), **changes.pop("jws", {})}
    assert not changes, f"nobody knows {changes}"
    return json.dumps({name: value for name, value in jws.items() if value is not None}).encode()


def csr_of(*names: str, key: PrivateKey | None = None) -> str:
    return b64url(build_csr(key or generate(KeyType.EC256), parse_identifiers(names)))


def document(answer: Response) -> dict[str, Any]:
    read = json.loads(answer.body)
    assert isinstance(read, dict)
    return read


def verdict(answer: Response) -> str:
    """Status, and the type of the problem if it is one."""
    kind = ""
    if answer.body and (answer.header("content-type") or "").startswith("application/problem+json"):
        kind = str(document(answer).get("type", "")).removeprefix(URN)
    return f"{answer.status} {kind}".strip()
