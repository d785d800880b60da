"""How a CA behaves: fast or slow, there or not, generous or strict, and when it wants its certificates replaced."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Final

from evercert.acme.challenge import dns_value
from evercert.acme.jose import unb64url
from evercert.acme.problem import ProblemType
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.names import Identifier
from evercert.simulation.ca.limits import Bucket
from evercert.simulation.ca.records import Certificate
from evercert.simulation.ca.records import Fault as RequestFault
from evercert.simulation.ca.server import CaServer
from evercert.simulation.clock import BEGIN, WorldClock
from evercert.simulation.faults import Fault, FaultKind, Weather
from evercert.simulation.names import Names
from evercert.simulation.trace import Trace

__all__ = ["Conduct"]

# A window that is closed: RFC 9773 §4.2, "renew immediately".
_CLOSED = timedelta(hours=1)
# Where the CA would have a certificate renewed, in lives: as Let's Encrypt does, around two thirds.
_WINDOW: Final = (0.6, 0.7)
# Of the requests and answers of a flaky CA, and of the good nonces.
_LOST, _UNANSWERED, _REJECTED = 0.1, 0.1, 0.2


class Conduct:
    """One CA of the world. Keeps `base.message.Transport`. `limited` counts its answers 429."""

    def __init__(
        self, number: int, among: int, server: CaServer, world: tuple[WorldClock, Weather, Names, Random, Trace]
    ) -> None:
        self.number = number
        self.server = server
        self.limited = 0
        self.bucket: Bucket | None = None
        self._among = among
        self._clock, self._weather, self._names, self._rng, self._trace = world
        server.validate = self._validate

    @property
    def name(self) -> str:
        return self.server.base.removeprefix("https://")

    def suggests(self) -> None:
        """Afterwards it says when to renew (RFC 9773)."""
        self.server.suggest = self._suggest

    async def send(self, request: Request) -> Response:
        resource = request.url.removeprefix(self.server.base).split("?")[0].strip("/").split("/")[0]
        try:
            response = await self._answered(resource, request)
        except NetworkFailure as failure:
            self._trace.note(self._clock.monotonic(), self.name, f"{resource}: {failure.code.name}")
            raise
        self._trace.note(self._clock.monotonic(), self.name, f"{resource}: {response.status}")
        return response

    def revoke(self, revocation: Fault) -> int:
        """Afterwards what it wanted replaced since that fault's beginning is revoked; how many that were."""
        concerned = [each for each in self.server.certificates.values() if self._concerns(revocation, each)]
        for certificate in concerned:
            certificate.revoked = 4  # superseded, RFC 5280 §5.3.1
        return len(concerned)

    async def _answered(self, resource: str, request: Request) -> Response:
        if outage := self._fault(FaultKind.CA_OUTAGE):
            return await self._out(outage)
        self._be_slow_or_not()
        self.server.nonce_rejection = _REJECTED if self._fault(FaultKind.CA_FLAKY) else 0.0
        if fault := self._wrong(resource, request):
            self.server.fail(resource, fault)
        return self.server.answer(request)

    def _wrong(self, resource: str, request: Request) -> RequestFault | None:
        """What goes wrong with this request: one thing, for a second one would befall the next request, when its own
        fault may be over."""
        mishap = self._mishap(resource) if self._fault(FaultKind.CA_FLAKY) else None
        if resource != "new-order" or mishap == RequestFault.lost():
            return mishap
        refusal = self._refusal(request)
        # A refusal of which the answer is lost has done nothing either.
        return RequestFault.lost() if mishap and refusal else mishap or refusal

    async def _out(self, outage: Fault) -> Response:
        """Three ways not to be there."""
        if outage.chance < 0.4:
            raise NetworkFailure("unreachable", "connection refused")
        if outage.chance < 0.7:
            await self._clock.sleep(30)
            raise NetworkFailure("timeout", "no answer within 30 s")
        headers = (("retry-after", "120"),) if outage.chance < 0.85 else ()
        return Response(503, headers, b"", self._clock.now())

    def _be_slow_or_not(self) -> None:
        slow = self._fault(FaultKind.CA_SLOW)
        self.server.validation_seconds = 120 * slow.chance if slow else 1.0
        self.server.issuing_seconds = 900 * slow.chance if slow else 0.5

    def _mishap(self, resource: str) -> RequestFault | None:
        if resource in {"directory", "new-nonce"}:
            return None
        dice = self._rng.random()
        if dice < _LOST:
            return RequestFault.lost()
        return RequestFault.unanswered() if dice < _LOST + _UNANSWERED else None

    def _refusal(self, request: Request) -> RequestFault | None:
        """What stands against this newOrder: a limit, or its names."""
        now = self._clock.monotonic()
        if limit := self._fault(FaultKind.CA_LIMIT):
            return self._too_many(limit.until - now if limit.chance < 0.5 else None)
        if self.bucket and (wait := self.bucket.take(now)):
            return self._too_many(wait)
        refusal = self._weather.at(now, FaultKind.CA_REFUSAL)
        if refusal and _ordinal(request) % 4 == refusal.subject % 4:
            return RequestFault.refused(ProblemType.REJECTED_IDENTIFIER, "policy forbids issuing for that name")
        return None

    def _too_many(self, wait: float | None) -> RequestFault:
        self.limited += 1
        headers = {} if wait is None else {"retry_after": str(int(wait) + 1)}
        return RequestFault.refused(ProblemType.RATE_LIMITED, "too many new orders recently", **headers)

    def _validate(self, identifier: Identifier, challenge_type: str, key_authorization: str) -> str | None:
        name = f"_acme-challenge.{identifier.base}"
        if self._names.shows(name, dns_value(key_authorization)):
            return None
        return f"no such TXT record at {name}"

    def _suggest(self, certificate: Certificate) -> tuple[datetime, datetime]:
        for fault in self._weather.faults:
            if fault.since <= self._clock.monotonic() and self._concerns(fault, certificate):
                since = BEGIN + timedelta(seconds=fault.since)
                return since - _CLOSED, since
        life = certificate.not_after - certificate.not_before
        return certificate.not_before + life * _WINDOW[0], certificate.not_before + life * _WINDOW[1]

    def _concerns(self, fault: Fault, certificate: Certificate) -> bool:
        """Whether it wants the certificate replaced since that fault. A CA that could not say so in time revokes
        nothing: no client would have had a chance."""
        if fault.kind is not FaultKind.MASS_REVOCATION or fault.subject % self._among != self.number:
            return False
        if self.server.suggest is None:
            return False
        return certificate.not_before <= BEGIN + timedelta(seconds=fault.since)

    def _fault(self, kind: FaultKind) -> Fault | None:
        return self._weather.at(self._clock.monotonic(), kind, self.number, self._among)


def _ordinal(request: Request) -> int:
    """The number of the certificate that the newOrder is for: its first name begins with a letter and that number,
    maybe after an asterisk."""
    asked = json.loads(unb64url(json.loads(request.body)["payload"]))
    first: str = asked["identifiers"][0]["value"]
    return int(first.removeprefix("*.").partition(".")[0].removeprefix("c"))
