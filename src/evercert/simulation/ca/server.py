"""An ACME CA in memory; thousands of certificates are fine.

It keeps RFC 8555's contract: signatures, nonces, URLs and statuses are checked as a CA checks them,
and every status moves along the tables of `acme.state`. It has no network: it is the transport.

Turn its knobs between requests: `validate` decides each validation, `validation_seconds` and
`issuing_seconds` make it slow, `nonce_rejection` makes it refuse good nonces, and `fail` makes the next
requests to a resource go wrong. Read `seen`, `orders` and `certificates` to know what it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from evercert.acme import state, wire
from evercert.acme.jose import thumbprint, unb64url
from evercert.acme.problem import ProblemType
from evercert.base.clock import Clock
from evercert.base.message import Request, Response
from evercert.base.names import Identifier
from evercert.pki.cert import read_certificate
from evercert.simulation.ca.door import Door
from evercert.simulation.ca.jws import Jws, spki_of
from evercert.simulation.ca.records import Account, Authorization, Certificate, Challenge, Order, Refused, moved
from evercert.simulation.ca.signing import Hierarchy, requested_identifiers, requested_spki

__all__ = ["CaServer", "Suggest", "Validate"]

# Asked of each validation: the identifier, the challenge's type, the key authorization. None is a
# success; a text is the detail of the failure.
Validate = Callable[[Identifier, str, str], str | None]

# Asked for the renewal window of a certificate.
Suggest = Callable[[Certificate], tuple[datetime, datetime]]


class CaServer(Door):
    """Keeps `base.message.Transport`."""

    def __init__(
        self,
        clock: Clock,
        *,
        base: str = "https://ca.test",
        seed: int = 0,
        offered: tuple[str, ...] = ("http-01", "dns-01", "tls-alpn-01"),
        lifetime: timedelta = timedelta(days=90),
        alternates: int = 0,
        profiles: Mapping[str, str] | None = None,
        eab_keys: Mapping[str, bytes] | None = None,
        reuse_authorizations: bool = False,
        pre_approved: bool = False,
        page_size: int = 100,
    ) -> None:
        super().__init__(clock, base=base, seed=seed, eab_keys=eab_keys or {}, page_size=page_size)
        self.offered = offered
        self.lifetime = lifetime
        self.profiles = dict(profiles or {})
        self.reuse_authorizations = reuse_authorizations
        self.pre_approved = pre_approved
        self.validate: Validate = lambda identifier, challenge_type, key_authorization: None
        self.validation_seconds = 0.0
        self.issuing_seconds = 0.0
        self.window: tuple[datetime, datetime] | None = None
        self.suggest: Suggest | None = None
        self.meta = wire.Meta(
            terms_of_service=f"{base}/terms",
            profiles=self.profiles,
            external_account_required=bool(self.eab_keys),
            caa_identities=("ca.test",),
        )
        self.orders: dict[str, Order] = {}
        self.authorizations: dict[str, Authorization] = {}
        self.challenges: dict[str, Challenge] = {}
        self.certificates: dict[str, Certificate] = {}
        self.hierarchy = Hierarchy(clock.now(), alternates)
        # So many new orders in that span, as a bucket of tokens; what is beyond it is refused as `rateLimited`.
        self.order_limit: tuple[int, timedelta] | None = None
        self._bucket: tuple[float, datetime] | None = None
        self._by_ari_id: dict[str, Certificate] = {}
        self._replaced: set[str] = set()

    def certificate_of(self, order_url: str) -> Certificate:
        return self.certificates[self.orders[order_url].certificate]

    def _get(self, resource: str, request: Request) -> Response:
        if resource == "directory":
            return self._respond(200, wire.encode(self._directory()))
        if resource == "renewal-info":
            return self._renewal_info(request.url)
        return super()._get(resource, request)

    def _directory(self) -> wire.Directory:
        return wire.Directory(
            new_nonce=f"{self.base}/new-nonce",
            new_account=f"{self.base}/new-account",
            new_order=f"{self.base}/new-order",
            new_authz=f"{self.base}/new-authz",
            revoke_cert=f"{self.base}/revoke-cert",
            key_change=f"{self.base}/key-change",
            renewal_info=f"{self.base}/renewal-info" if self.window or self.suggest else "",
            meta=self.meta,
            extra={"AbCdEf123": "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417"},
        )

    def _renewal_info(self, url: str) -> Response:
        window = self.window
        if self.suggest and (certificate := self._by_ari_id.get(url.rpartition("/")[2])):
            window = self.suggest(certificate)
        if window is None:
            raise Refused(ProblemType.MALFORMED, "there is no such certificate")
        info = wire.RenewalInfo(suggested_window=wire.Window(*window))
        return self._respond(200, wire.encode(info), {"retry-after": "21600"})

    # Orders and authorizations

    def _post_new_order(self, account: Account, jws: Jws, url: str) -> Response:
        asked = jws.json()
        self._limit_orders()
        if (profile := asked.get("profile", "")) and profile not in self.profiles:
            raise Refused(ProblemType.INVALID_PROFILE, f"there is no profile {profile}")
        identifiers = tuple(Identifier(each["type"], each["value"]) for each in asked["identifiers"])
        if not self.lists_orders and (same := self._unfinished(account, identifiers)):
            return self._show_order(same, 201)
        if (replaces := asked.get("replaces", "")) in self._replaced:
            raise Refused(ProblemType.ALREADY_REPLACED, "another order replaces that certificate")
        self._replaced |= {replaces} if replaces else set()
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
        tokens, since = self._bucket or (float(most), now)
        tokens = min(float(most), tokens + most * ((now - since) / span))
        if tokens < 1 - 1e-9:
            wait = {"retry-after": str(int((1 - tokens) * (span / most).total_seconds()) + 1)}
            detail = f"too many new orders ({most}) from this account in the last {span}, retry after a while"
            raise Refused(ProblemType.RATE_LIMITED, detail, headers=wait)
        self._bucket = tokens - 1, now

    def _unfinished(self, account: Account, identifiers: tuple[Identifier, ...]) -> Order | None:
        """A CA that lists no orders answers an identical request with the order that it has (Boulder)."""
        for order in map(self.orders.__getitem__, account.orders):
            self._advance_order(order)
            alive = order.status in {"pending", "ready"} and order.expires > self.clock.now()
            if alive and set(order.identifiers) == set(identifiers):
                return order
        return None

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
            order.status = moved(state.ORDER, order.status, "invalid")
            order.error = next(each.error for proof in proofs for each in proof.challenges if each.error)
        if order.status == "pending" and all(proof.status == "valid" for proof in proofs):
            order.status = moved(state.ORDER, order.status, "ready")
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
        order.csr, order.status = csr, moved(state.ORDER, order.status, "processing")
        order.due = self.clock.now() + timedelta(seconds=self.issuing_seconds)
        return self._show_order(order)

    def _issue(self, order: Order) -> None:
        # When it was made, which may be long before anybody looks.
        start = order.not_before or order.due or self.clock.now()
        end = order.not_after or start + self.lifetime
        serial = self._random.getrandbits(126) + (1 << 126)
        leaf, chains = self.hierarchy.sign(order.csr, order.identifiers, start, end, serial)
        certificate = Certificate(
            self._url("certificate"), order.account, requested_spki(order.csr), leaf, chains, order.url, start, end
        )
        self.certificates[certificate.url] = certificate
        self._by_ari_id[read_certificate(leaf).ari_id] = certificate
        order.certificate, order.status = certificate.url, moved(state.ORDER, order.status, "valid")

    def _post_authz(self, account: Account, jws: Jws, url: str) -> Response:
        authorization = self._own(self.authorizations, url, account)
        if jws.json().get("status") == "deactivated" and authorization.status != "deactivated":
            authorization.status = moved(state.AUTHORIZATION, authorization.status, "deactivated")
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
            challenge.status = moved(state.CHALLENGE, challenge.status, "processing")
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
            challenge.status = moved(state.CHALLENGE, challenge.status, "valid")
            authorization.status = moved(state.AUTHORIZATION, authorization.status, "valid")
            return
        challenge.error = wire.ProblemDocument(type=ProblemType.INCORRECT_RESPONSE.urn, detail=fault, status=403)
        challenge.status = moved(state.CHALLENGE, challenge.status, "invalid")
        authorization.status = moved(state.AUTHORIZATION, authorization.status, "invalid")

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
