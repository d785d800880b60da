"""An ACME CA in memory, for tests of whatever speaks to one; thousands of certificates are fine.

It keeps RFC 8555's contract: signatures, nonces, URLs and statuses are checked as a CA checks them,
and every status moves along the tables of `acme.state`. It has no network: it is the transport.

Turn its knobs between requests: `validate` decides each validation, `validation_seconds` and
`issuing_seconds` make it slow, `nonce_rejection` makes it refuse good nonces, and `fail` makes the next
requests to a resource go wrong. Read `seen`, `orders` and `certificates` to know what it was asked.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from evercert.acme import state, wire
from evercert.acme.jose import b64url, thumbprint, unb64url
from evercert.acme.problem import URN, ProblemType
from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.names import Identifier
from tests.fakes.ca_jws import Jws, key_of, mac_is_right, read_jws, signature_is_right, spki_of
from tests.fakes.ca_records import Account, Authorization, Certificate, Challenge, Fault, Order, Refused
from tests.fakes.ca_signing import Hierarchy, requested_identifiers, requested_spki

__all__ = ["BlockingFakeCa", "FakeCa", "Fault"]

# Asked of each validation: the identifier, the challenge's type, the key authorization. None is a
# success; a text is the detail of the failure.
Validate = Callable[[Identifier, str, str], str | None]


class FakeCa:
    """Keeps `base.message.Transport`."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 0,
        offered: tuple[str, ...] = ("http-01", "dns-01", "tls-alpn-01"),
        lifetime: timedelta = timedelta(days=90),
        alternates: int = 0,
        profiles: Mapping[str, str] | None = None,
        eab_keys: Mapping[str, bytes] | None = None,
        reuse_authorizations: bool = False,
        pre_approved: bool = False,
        page_size: int = 100,
        base: str = "https://ca.test",
    ) -> None:
        self.clock = clock
        self.base = base
        self.offered = offered
        self.lifetime = lifetime
        self.profiles = dict(profiles or {})
        self.eab_keys = dict(eab_keys or {})
        self.reuse_authorizations = reuse_authorizations
        self.pre_approved = pre_approved
        self.page_size = page_size
        self.validate: Validate = lambda identifier, challenge_type, key_authorization: None
        self.validation_seconds = 0.0
        self.issuing_seconds = 0.0
        self.nonce_rejection = 0.0
        self.window: tuple[datetime, datetime] | None = None
        self.meta = wire.Meta(
            terms_of_service=f"{self.base}/terms",
            profiles=self.profiles,
            external_account_required=bool(self.eab_keys),
            caa_identities=("ca.test",),
        )
        self.seen: Counter[str] = Counter()
        self.accounts: dict[str, Account] = {}
        self.orders: dict[str, Order] = {}
        self.authorizations: dict[str, Authorization] = {}
        self.challenges: dict[str, Challenge] = {}
        self.certificates: dict[str, Certificate] = {}
        self.hierarchy = Hierarchy(clock.now(), alternates)
        # So many new orders in that span, as a bucket of tokens; what is beyond it is refused as `rateLimited`.
        self.order_limit: tuple[int, timedelta] | None = None
        self._tokens: tuple[float, datetime] | None = None
        self._replaced: set[str] = set()
        self._faults: dict[str, list[Fault]] = {}
        self._nonces: set[str] = set()
        self._random = Random(seed)
        self._serial = 0

    @property
    def directory_url(self) -> str:
        return f"{self.base}/directory"

    def fail(self, resource: str, fault: Fault, times: int = 1) -> None:
        """The next *times* requests to the resource (the first segment of its path, such as
        `new-order`, `finalize`, `certificate`) go wrong."""
        self._faults.setdefault(resource, []).extend([fault] * times)

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

    def certificate_of(self, order_url: str) -> Certificate:
        return self.certificates[self.orders[order_url].certificate]

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
        if resource == "directory":
            return self._respond(200, wire.encode(self._directory()))
        if resource == "new-nonce":
            return self._respond(200 if request.method == "HEAD" else 204)
        if resource == "renewal-info":
            return self._renewal_info()
        raise Refused(ProblemType.MALFORMED, "POST-as-GET is for that")

    def _directory(self) -> wire.Directory:
        return wire.Directory(
            new_nonce=f"{self.base}/new-nonce",
            new_account=f"{self.base}/new-account",
            new_order=f"{self.base}/new-order",
            new_authz=f"{self.base}/new-authz",
            revoke_cert=f"{self.base}/revoke-cert",
            key_change=f"{self.base}/key-change",
            renewal_info=f"{self.base}/renewal-info" if self.window else "",
            meta=self.meta,
            extra={"AbCdEf123": "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417"},
        )

    def _renewal_info(self) -> Response:
        assert self.window is not None
        info = wire.RenewalInfo(suggested_window=wire.Window(*self.window))
        return self._respond(200, wire.encode(info), {"retry-after": "21600"})

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
        if not signature_is_right(jws, key_of(jwk)):
            raise Refused(ProblemType.MALFORMED, "the signature is wrong")
        if jws.header["nonce"] not in self._nonces or self._random.random() < self.nonce_rejection:
            self._nonces.discard(jws.header["nonce"])
            raise Refused(ProblemType.BAD_NONCE, "JWS has an invalid anti-replay nonce")
        self._nonces.remove(jws.header["nonce"])
        return jws

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
        shown = wire.Account(
            status=account.status, contact=account.contact, orders=account.url.replace("/account/", "/orders/")
        )
        return self._respond(status, wire.encode(shown), {"location": account.url})

    def _post_account(self, account: Account, jws: Jws, url: str) -> Response:
        self._must(account.url == url)
        asked = jws.json()
        account.contact = tuple(asked.get("contact", account.contact))
        if asked.get("status") == "deactivated":
            account.status = _moved(state.ACCOUNT, account.status, "deactivated")
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

    # Orders and authorizations

    def _post_new_order(self, account: Account, jws: Jws, url: str) -> Response:
        asked = jws.json()
        self._limit_orders()
        if (profile := asked.get("profile", "")) and profile not in self.profiles:
            raise Refused(ProblemType.INVALID_PROFILE, f"there is no profile {profile}")
        if (replaces := asked.get("replaces", "")) in self._replaced:
            raise Refused(ProblemType.ALREADY_REPLACED, "another order replaces that certificate")
        self._replaced |= {replaces} if replaces else set()
        identifiers = tuple(Identifier(each["type"], each["value"]) for each in asked["identifiers"])
        order = Order(
            url=self._url("order"),
            account=account.url,
            identifiers=identifiers,
            authorizations=[] if self.pre_approved else [self._authorize(account, each).url for each in identifiers],
            expires=self.clock.now() + timedelta(days=7),
            not_before=_moment(asked.get("notBefore")),
            not_after=_moment(asked.get("notAfter")),
            profile=profile,
            replaces=replaces,
        )
        self.orders[order.url] = order
        account.orders.append(order.url)
        return self._show_order(order, 201)

    def _limit_orders(self) -> None:
        if self.order_limit is None:
            return
        now, (most, span) = self.clock.now(), self.order_limit
        tokens, since = self._tokens or (float(most), now)
        tokens = min(float(most), tokens + most * ((now - since) / span))
        if tokens < 1 - 1e-9:
            wait = {"retry-after": str(int((1 - tokens) * (span / most).total_seconds()) + 1)}
            detail = f"too many new orders ({most}) from this account in the last {span}, retry after a while"
            raise Refused(ProblemType.RATE_LIMITED, detail, headers=wait)
        self._tokens = tokens - 1, now

    def _post_new_authz(self, account: Account, jws: Jws, url: str) -> Response:
        asked = jws.json()["identifier"]
        authorization = self._authorize(account, Identifier(asked["type"], asked["value"]))
        return self._show_authorization(authorization, 201)

    def _authorize(self, account: Account, identifier: Identifier) -> Authorization:
        for known in self.authorizations.values() if self.reuse_authorizations else ():
            if (known.account, known.identifier, known.status) == (account.url, identifier, "valid"):
                return known
        made = Authorization(self._url("authz"), account.url, identifier, self.clock.now() + timedelta(days=7))
        types = [each for each in self.offered if _can_prove(each, identifier)]
        made.challenges = [Challenge(self._url("challenge"), each, self._token(), made.url) for each in types]
        self.authorizations[made.url] = made
        self.challenges |= {each.url: each for each in made.challenges}
        return made

    def _post_order(self, account: Account, jws: Jws, url: str) -> Response:
        order = self._own(self.orders, url, account)
        return self._show_order(order)

    def _show_order(self, order: Order, status: int = 200) -> Response:
        self._advance_order(order)
        shown = wire.Order(
            status=order.status,
            identifiers=order.identifiers,
            finalize=order.url.replace("/order/", "/finalize/"),
            authorizations=tuple(order.authorizations),
            expires=order.expires,
            error=order.error,
            certificate=order.certificate,
            profile=order.profile,
            replaces=order.replaces,
        )
        headers = {"location": order.url} | ({"retry-after": "1"} if order.status == "processing" else {})
        return self._respond(status, wire.encode(shown), headers)

    def _advance_order(self, order: Order) -> None:
        """Statuses move when somebody looks, as in a CA that computes them."""
        proofs = [self.authorizations[url] for url in order.authorizations]
        for proof in proofs:
            self._advance_authorization(proof)
        if order.status == "pending" and any(proof.status == "invalid" for proof in proofs):
            order.status = _moved(state.ORDER, order.status, "invalid")
            order.error = next(each.error for proof in proofs for each in proof.challenges if each.error)
        if order.status == "pending" and all(proof.status == "valid" for proof in proofs):
            order.status = _moved(state.ORDER, order.status, "ready")
        if order.status == "processing" and order.due and self.clock.now() >= order.due:
            self._issue(order)

    def _post_finalize(self, account: Account, jws: Jws, url: str) -> Response:
        order = self._own(self.orders, url.replace("/finalize/", "/order/"), account)
        self._advance_order(order)
        if order.status != "ready":
            raise Refused(ProblemType.ORDER_NOT_READY, f"the order is {order.status}")
        csr = unb64url(jws.json()["csr"])
        if requested_identifiers(csr) != set(order.identifiers) or requested_spki(csr) == spki_of(account.jwk):
            raise Refused(ProblemType.BAD_CSR, "the request does not fit the order")
        order.csr, order.status = csr, _moved(state.ORDER, order.status, "processing")
        order.due = self.clock.now() + timedelta(seconds=self.issuing_seconds)
        return self._show_order(order)

    def _issue(self, order: Order) -> None:
        start = order.not_before or self.clock.now()
        end = order.not_after or start + self.lifetime
        leaf, chains = self.hierarchy.sign(order.csr, order.identifiers, start, end)
        certificate = Certificate(
            self._url("certificate"), order.account, requested_spki(order.csr), leaf, chains, order.url
        )
        self.certificates[certificate.url] = certificate
        order.certificate, order.status = certificate.url, _moved(state.ORDER, order.status, "valid")

    def _post_authz(self, account: Account, jws: Jws, url: str) -> Response:
        authorization = self._own(self.authorizations, url, account)
        if jws.json().get("status") == "deactivated" and authorization.status != "deactivated":
            authorization.status = _moved(state.AUTHORIZATION, authorization.status, "deactivated")
        return self._show_authorization(authorization)

    def _show_authorization(self, authorization: Authorization, status: int = 200) -> Response:
        self._advance_authorization(authorization)
        shown = wire.Authorization(
            identifier=Identifier(authorization.identifier.type, authorization.identifier.base),
            status=authorization.status,
            expires=authorization.expires,
            challenges=tuple(_shown_challenge(each) for each in authorization.challenges),
            wildcard=authorization.identifier.wildcard,
        )
        return self._respond(status, wire.encode(shown), {"location": authorization.url})

    def _post_challenge(self, account: Account, jws: Jws, url: str) -> Response:
        challenge = self.challenges[url]
        authorization = self._own(self.authorizations, challenge.authorization, account)
        if jws.payload:
            if challenge.status != "pending" or authorization.status != "pending":
                raise Refused(ProblemType.MALFORMED, "the challenge was answered before")
            challenge.status = _moved(state.CHALLENGE, challenge.status, "processing")
            challenge.due = self.clock.now() + timedelta(seconds=self.validation_seconds)
        self._advance_authorization(authorization)
        headers = {"link": f'<{authorization.url}>;rel="up"'}
        return self._respond(200, wire.encode(_shown_challenge(challenge)), headers)

    def _advance_authorization(self, authorization: Authorization) -> None:
        for challenge in authorization.challenges:
            if challenge.status == "processing" and challenge.due and self.clock.now() >= challenge.due:
                self._validate(authorization, challenge)

    def _validate(self, authorization: Authorization, challenge: Challenge) -> None:
        proof = f"{challenge.token}.{thumbprint(self.accounts[authorization.account].jwk)}"
        fault = self.validate(authorization.identifier, challenge.type, proof)
        if fault is None:
            challenge.status = _moved(state.CHALLENGE, challenge.status, "valid")
            authorization.status = _moved(state.AUTHORIZATION, authorization.status, "valid")
            return
        challenge.error = wire.ProblemDocument(type=ProblemType.INCORRECT_RESPONSE.urn, detail=fault, status=403)
        challenge.status = _moved(state.CHALLENGE, challenge.status, "invalid")
        authorization.status = _moved(state.AUTHORIZATION, authorization.status, "invalid")

    # Certificates

    def _post_certificate(self, account: Account, jws: Jws, url: str) -> Response:
        path, _, number = url.partition("?chain=")
        certificate = self._own(self.certificates, path, account)
        others = [f'<{path}?chain={other}>;rel="alternate"' for other in range(1, len(certificate.chains))]
        headers = {"content-type": "application/pem-certificate-chain"} | (
            {"link": ", ".join(others)} if others else {}
        )
        return self._respond(200, certificate.chains[int(number or 0)].encode(), headers)

    def _post_revoke_cert(self, account: Account, jws: Jws, url: str) -> Response:
        return self._revoke(jws, account)

    def _revoke(self, jws: Jws, account: Account | None) -> Response:
        asked = jws.json()
        certificate = self._by_der(unb64url(asked["certificate"]))
        by_key = account is None and spki_of(jws.header["jwk"]) == certificate.spki
        if not by_key and (account is None or account.url != certificate.account):
            raise Refused(ProblemType.UNAUTHORIZED, "the certificate is not yours")
        if certificate.revoked is not None:
            raise Refused(ProblemType.ALREADY_REVOKED, "the certificate is revoked already")
        certificate.revoked = asked.get("reason", 0)
        return self._respond(200)

    def _by_der(self, der: bytes) -> Certificate:
        for certificate in self.certificates.values():
            if certificate.leaf_der == der:
                return certificate
        raise Refused(ProblemType.MALFORMED, "there is no such certificate")

    def _own(self, shelf: Mapping[str, Any], url: str, account: Account) -> Any:
        found = shelf.get(url)
        self._must(found is not None and found.account == account.url)
        return found

    def _must(self, right: bool) -> None:
        if not right:
            raise Refused(ProblemType.UNAUTHORIZED, "that is not yours")

    def _url(self, resource: str) -> str:
        self._serial += 1
        return f"{self.base}/{resource}/{self._serial}"

    def _token(self) -> str:
        return b64url(self._random.randbytes(32))


class BlockingFakeCa:
    """The same CA as a `BlockingTransport`."""

    def __init__(self, ca: FakeCa) -> None:
        self.ca = ca

    def send(self, request: Request) -> Response:
        return self.ca.answer(request)


def _moved(moves: state.Moves, status: str, after: Any) -> Any:
    assert state.may_follow(moves, status, after), f"{status} -> {after}"
    return after


def _shown_challenge(challenge: Challenge) -> wire.Challenge:
    return wire.Challenge(
        url=challenge.url, type=challenge.type, status=challenge.status, token=challenge.token, error=challenge.error
    )


def _can_prove(challenge_type: str, identifier: Identifier) -> bool:
    if identifier.wildcard:
        return challenge_type.startswith("dns")
    return identifier.type == "dns" or not challenge_type.startswith("dns")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
