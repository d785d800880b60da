"""Whatever comes to a CA in memory: requests, their signatures and nonces (RFC 8555 §6), and accounts (§7.3)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from evercert.acme import state, wire
from evercert.acme.jose import b64url
from evercert.acme.problem import URN, ProblemType
from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.simulation.ca.jws import Jws, PublicKey, key_of, mac_is_right, read_jws, signature_is_right
from evercert.simulation.ca.records import Account, Fault, Refused, moved

__all__ = ["Door"]


class Door:
    """Keeps `base.message.Transport`; what lies behind the accounts is a subclass's.

    A subclass answers a signed request to `<base>/some-thing/...` with its method `_post_some_thing`.
    """

    def __init__(self, clock: Clock, *, base: str, seed: int, eab_keys: Mapping[str, bytes], page_size: int) -> None:
        self.clock = clock
        self.base = base
        self.eab_keys = dict(eab_keys)
        self.page_size = page_size
        self.nonce_rejection = 0.0
        self.lists_orders = True
        self.seen: Counter[str] = Counter()
        self.accounts: dict[str, Account] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._nonces: set[str] = set()
        self._keys: dict[str, PublicKey] = {}
        self._random = Random(seed)  # noqa: S311 - nobody has to be kept from guessing it
        self._serial = 0

    @property
    def directory_url(self) -> str:
        return f"{self.base}/directory"

    def fail(self, resource: str, fault: Fault, times: int = 1) -> None:
        """The next *times* requests to the resource (the first segment of its path, such as
        `new-order`, `finalize`, `certificate`) go wrong."""
        self._faults.setdefault(resource, []).extend([fault] * times)

    def forgive(self) -> None:
        """From now on nothing goes wrong that was to."""
        self._faults.clear()

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        """The response to the request; raises `NetworkFailure` where a fault says so."""
        resource = request.url.removeprefix(self.base).split("?")[0].strip("/").split("/")[0]
        self.seen[resource] += 1
        fault = self._faults[resource].pop(0) if self._faults.get(resource) else None
        if fault and fault.kind == "lost":
            raise NetworkFailure("unreachable", "the request was lost")
        if fault and fault.kind == "answered":
            return self._respond(fault.status, fault.body, fault.headers)
        response = self._answer(resource, request)
        if fault:
            raise NetworkFailure("timeout", "the answer was lost")
        return response

    # From here on: how it answers.

    def _answer(self, resource: str, request: Request) -> Response:
        try:
            if request.method != "POST":
                return self._get(resource, request)
            return self._post(resource, request)
        except Refused as refused:
            document = {"type": URN + refused.type.value.name, "detail": refused.detail}
            headers = {"content-type": "application/problem+json", **refused.headers}
            return self._respond(refused.type.value.status, json.dumps(document).encode(), headers)

    def _respond(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        nonce = b64url(self._random.randbytes(16))
        self._nonces.add(nonce)
        sent = {"replay-nonce": nonce, "link": f'<{self.directory_url}>;rel="index"', **(headers or {})}
        return Response(status, tuple(sent.items()), body, self.clock.now())

    def _get(self, resource: str, request: Request) -> Response:
        if resource == "new-nonce":
            return self._respond(200 if request.method == "HEAD" else 204)
        raise Refused(ProblemType.MALFORMED, "POST-as-GET is for that")

    def _revoke(self, jws: Jws, account: Account | None) -> Response:
        raise Refused(ProblemType.MALFORMED, "nothing is revoked here")

    def _post(self, resource: str, request: Request) -> Response:
        jws = self._read(request)
        if resource == "new-account":
            return self._new_account(jws, request.url)
        if resource == "revoke-cert" and "jwk" in jws.header:
            return self._revoke(jws, account=None)
        account = self._account_of(jws)
        act = getattr(self, f"_post_{resource.replace('-', '_')}", None)
        if act is None:
            raise Refused(ProblemType.MALFORMED, "there is nothing there")
        response: Response = act(account, jws, request.url)
        return response

    def _read(self, request: Request) -> Jws:
        """The request's JWS, with its URL and nonce checked; a nonce is burned by a good signature only."""
        if request.headers.get("content-type") != "application/jose+json":
            raise Refused(ProblemType.MALFORMED, "the content type is not application/jose+json")
        jws = read_jws(json.loads(request.body))
        if jws.header["url"] != request.url:
            raise Refused(ProblemType.UNAUTHORIZED, "the JWS is for another URL")
        if ("kid" in jws.header) == ("jwk" in jws.header):
            raise Refused(ProblemType.MALFORMED, "a JWS has either a kid or a jwk")
        jwk = jws.header.get("jwk") or self._known(jws.header["kid"]).jwk
        if not signature_is_right(jws, self._key(jwk)):
            raise Refused(ProblemType.MALFORMED, "the signature is wrong")
        if jws.header["nonce"] not in self._nonces or self._random.random() < self.nonce_rejection:
            self._nonces.discard(jws.header["nonce"])
            raise Refused(ProblemType.BAD_NONCE, "JWS has an invalid anti-replay nonce")
        self._nonces.remove(jws.header["nonce"])
        return jws

    def _key(self, jwk: dict[str, str]) -> PublicKey:
        material = jwk.get("x") or jwk["n"]
        if material not in self._keys:
            self._keys[material] = key_of(jwk)
        return self._keys[material]

    def _known(self, url: str) -> Account:
        if url not in self.accounts:
            raise Refused(ProblemType.ACCOUNT_DOES_NOT_EXIST, "there is no such account")
        return self.accounts[url]

    def _account_of(self, jws: Jws) -> Account:
        if "kid" not in jws.header:
            raise Refused(ProblemType.MALFORMED, "sign with the account's kid")
        account = self._known(jws.header["kid"])
        if account.status != "valid":
            raise Refused(ProblemType.UNAUTHORIZED, f"the account is {account.status}")
        return account

    # Accounts

    def _new_account(self, jws: Jws, url: str) -> Response:
        jwk, asked = jws.header["jwk"], jws.json()
        if found := self._by_key(jwk):
            return self._show_account(found, 200)
        if asked.get("onlyReturnExisting"):
            raise Refused(ProblemType.ACCOUNT_DOES_NOT_EXIST, "no account has that key")
        if not asked.get("termsOfServiceAgreed"):
            raise Refused(ProblemType.USER_ACTION_REQUIRED, "agree to the terms of service")
        if self.eab_keys:
            self._check_binding(asked, jwk, url)
        account = Account(self._url("account"), jwk, tuple(asked.get("contact", ())))
        self.accounts[account.url] = account
        return self._show_account(account, 201)

    def _by_key(self, jwk: dict[str, str]) -> Account | None:
        return next((each for each in self.accounts.values() if each.jwk == jwk), None)

    def _check_binding(self, asked: dict[str, Any], jwk: dict[str, str], url: str) -> None:
        if "externalAccountBinding" not in asked:
            raise Refused(ProblemType.EXTERNAL_ACCOUNT_REQUIRED, "an external account is needed")
        binding = read_jws(asked["externalAccountBinding"])
        key = self.eab_keys.get(binding.header["kid"])
        right = key is not None and mac_is_right(binding, key) and binding.header["url"] == url
        if not right or binding.json() != jwk or "nonce" in binding.header:
            raise Refused(ProblemType.UNAUTHORIZED, "the external account binding is wrong")

    def _show_account(self, account: Account, status: int = 200) -> Response:
        orders = account.url.replace("/account/", "/orders/") if self.lists_orders else ""
        shown = wire.Account(status=account.status, contact=account.contact, orders=orders)
        return self._respond(status, wire.encode(shown), {"location": account.url})

    def _post_account(self, account: Account, jws: Jws, url: str) -> Response:
        self._must(account.url == url)
        asked = jws.json()
        account.contact = tuple(asked.get("contact", account.contact))
        if asked.get("status") == "deactivated":
            account.status = moved(state.ACCOUNT, account.status, "deactivated")
        return self._show_account(account)

    def _post_orders(self, account: Account, jws: Jws, url: str) -> Response:
        path, _, cursor = url.partition("?cursor=")
        self._must(path == account.url.replace("/account/", "/orders/"))
        start = int(cursor or 0)
        end = start + self.page_size
        headers = {"link": f'<{path}?cursor={end}>;rel="next"'} if end < len(account.orders) else {}
        return self._respond(200, wire.encode(wire.OrderList(orders=tuple(account.orders[start:end]))), headers)

    def _post_key_change(self, account: Account, jws: Jws, url: str) -> Response:
        inner = read_jws(jws.json())
        new, payload = inner.header["jwk"], inner.json()
        if not signature_is_right(inner, key_of(new)) or inner.header["url"] != url or "nonce" in inner.header:
            raise Refused(ProblemType.MALFORMED, "the inner JWS is wrong")
        if payload != {"account": account.url, "oldKey": account.jwk}:
            raise Refused(ProblemType.MALFORMED, "the key change is for another account")
        if holder := self._by_key(new):
            raise Refused(ProblemType.CONFLICT, "the key is in use", headers={"location": holder.url})
        account.jwk = new
        return self._show_account(account)

    def _must(self, right: bool) -> None:
        if not right:
            raise Refused(ProblemType.UNAUTHORIZED, "that is not yours")

    def _url(self, resource: str) -> str:
        self._serial += 1
        return f"{self.base}/{resource}/{self._serial}"

    def _token(self) -> str:
        return b64url(self._random.randbytes(32))
