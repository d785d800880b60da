"""One ACME client that gets one certificate after another, and how long the CA took."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.ca.wire import Reply, Wire
from evercert.acme.jose import Signer, b64url, sign, thumbprint

__all__ = ["AcmeClient", "Refused", "Tally", "Wanted"]

# The same for every CA, whatever it suggests: the time that passes before the first question, doubled for the next.
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 0.8
_POLLS = 40


class Refused(Exception):
    """The CA answered otherwise than a client that did everything right may expect."""


@dataclass(frozen=True)
class Wanted:
    """One certificate to come, with everything made beforehand that costs the client."""

    name: str
    csr: bytes


@dataclass
class Tally:
    """What was counted and measured by all clients; seconds from a request's first octet to its answer's last."""

    requests: int = 0
    certificates: int = 0
    new_order: list[float] = field(default_factory=list)
    finalize: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class AcmeClient:
    """An account at a CA and one connection to it. *present* puts a key authorization where the CA looks for it."""

    def __init__(
        self, wire: Wire, directory: dict[str, str], signer: Signer, present: Callable[[str, str], None], tally: Tally
    ) -> None:
        self._wire, self._directory, self._signer, self._present = wire, directory, signer, present
        self.tally = tally
        self.kid = ""
        self._nonce = ""
        self._thumbprint = thumbprint(signer.jwk)

    async def register(self) -> None:
        """Afterwards there is an account, or it is found again."""
        reply = await self._post(self._directory["newAccount"], {"termsOfServiceAgreed": True})
        self.kid = reply.headers["location"]

    async def obtain(self, wanted: Wanted) -> None:
        """Afterwards the certificate was downloaded. Raises `Refused`."""
        began = time.perf_counter()
        order, url = await self._timed(
            self.tally.new_order, "newOrder", {"identifiers": [{"type": "dns", "value": wanted.name}]}
        )
        for authorization in order["authorizations"]:
            await self._authorize(authorization)
        order, _ = await self._timed(self.tally.finalize, order["finalize"], {"csr": b64url(wanted.csr)})
        if order["status"] != "valid":
            order = await self._until_valid(url)
        chain = await self._post(order["certificate"], None)
        if b"BEGIN CERTIFICATE" not in chain.body:
            raise Refused("no certificate in the answer")
        self.tally.certificates += 1
        self.tally.whole.append(time.perf_counter() - began)

    async def _authorize(self, url: str) -> None:
        authorization = msgspec.json.decode((await self._post(url, None)).body)
        if authorization["status"] == "valid":
            return
        challenge = next(each for each in authorization["challenges"] if each["type"] == "http-01")
        self._present(challenge["token"], f"{challenge['token']}.{self._thumbprint}")
        answered = msgspec.json.decode((await self._post(challenge["url"], {})).body)
        if answered["status"] != "valid":
            await self._until_valid(url)

    async def _until_valid(self, url: str) -> Any:
        wait = _FIRST_WAIT
        for _ in range(_POLLS):
            await asyncio.sleep(wait)
            shown = msgspec.json.decode((await self._post(url, None)).body)
            if shown["status"] == "valid":
                return shown
            if shown["status"] not in {"pending", "processing", "ready"}:
                raise Refused(f"{shown['status']}: {str(shown)[:300]}")
            wait = min(2 * wait, _LONGEST_WAIT)
        raise Refused(f"not valid after {_POLLS} questions")

    async def _timed(self, times: list[float], where: str, payload: object) -> tuple[Any, str]:
        began = time.perf_counter()
        reply = await self._post(self._directory.get(where, where), payload)
        times.append(time.perf_counter() - began)
        return msgspec.json.decode(reply.body), reply.headers.get("location", "")

    async def _post(self, url: str, payload: object) -> Reply:
        body = None if payload is None else msgspec.json.encode(payload)
        for _ in range(5):
            nonce = self._nonce or await self._new_nonce()
            self._nonce = ""
            self.tally.requests += 1
            reply = await self._wire.ask(
                "POST", url, sign(self._signer, url=url, nonce=nonce, payload=body, kid=self.kid)
            )
            self._nonce = reply.headers.get("replay-nonce", "")
            if reply.status < 400:
                return reply
            if b"badNonce" not in reply.body:
                raise Refused(f"{reply.status} {url}: {reply.body.decode(errors='replace')[:300]}")
            self.tally.errors["badNonce, sent again"] += 1
        raise Refused("five nonces one after another were bad")

    async def _new_nonce(self) -> str:
        self.tally.requests += 1
        return (await self._wire.ask("HEAD", self._directory["newNonce"])).headers["replay-nonce"]
