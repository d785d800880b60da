"""One remote perspective: it looks at a name for a CA that is elsewhere, and answers (`perspective_wire`).

Trust: whoever may ask can make this process connect to whatever its own network policy permits, and learns whether
somebody answers there. It keeps nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from evercert.acme.problem import Problem
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.base.serving import Answer, Asked
from evercert.ca.validation import network
from evercert.ca.validation.caa import check_caa
from evercert.ca.validation.claim import Reach
from evercert.ca.validation.perspective_wire import MAX_BODY, CaaQuestion, ClaimQuestion, Verdict, digest_of, read
from evercert.ca.validation.validate import validate

__all__ = ["Callers", "PerspectiveApplication"]

_AT_ONCE: Final = 200
# Enough for a validation with ten redirects; CAA of a hundred names is not told in whole, and MAX_BODY holds it.
_MAX_TOLD: Final = 22

_Question = ClaimQuestion | CaaQuestion


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may ask: who knows *token* (empty: nobody by it), or has shown a client certificate whose SHA-256, in
    lower-case hex, is among *certificates*."""

    token: Secret = field(default_factory=lambda: Secret(""))
    certificates: frozenset[str] = frozenset()

    def have(self, asked: Asked) -> bool:
        scheme, _, word = asked.header("authorization").partition(" ")
        if self.token.reveal() and scheme.lower() == "bearer" and Secret(word) == self.token:
            return True
        shown = asked.client_certificate
        return bool(shown) and hashlib.sha256(shown).hexdigest() in self.certificates


class PerspectiveApplication:
    """Keeps `base.serving.Application`. Answers *at_once* questions at a time, and no more."""

    def __init__(self, reach: Reach, callers: Callers, clock: Clock, *, at_once: int = _AT_ONCE) -> None:
        self._reach = reach
        self._callers = callers
        self._clock = clock
        self._room = at_once

    async def __call__(self, asked: Asked) -> Answer:
        if not self._callers.have(asked):
            return Answer(401, headers=(("www-authenticate", "Bearer"),))
        if asked.method != "POST":
            return Answer(405, headers=(("allow", "POST"),))
        if len(asked.body) > MAX_BODY:
            return Answer(413)
        try:
            question = read(asked.body, asked.path)
        except EvercertError as error:
            return Answer(400, error.message.encode(), (("content-type", "text/plain"),))
        if not self._room:
            return Answer(503, headers=(("retry-after", "1"),))
        self._room -= 1
        try:
            verdict = await self._verdict(question, digest_of(asked.body))
        finally:
            self._room += 1
        return Answer(200, msgspec.json.encode(verdict), (("content-type", "application/json"),))

    async def _verdict(self, question: _Question, digest: str) -> Verdict:
        looked: list[network.Asked] = []
        until = None
        try:
            if isinstance(question, ClaimQuestion):
                seen = await validate(question.claim, self._reach, now=self._clock.now(), asked=looked)
                until = seen.until
            else:
                where = self._reach.network
                await check_caa(question.wanted, question.account_url, question.rules, where, asked=looked)
        except Problem as problem:
            return Verdict(digest, holds=False, problem=problem.type.value.name, asked=tuple(looked[:_MAX_TOLD]))
        return Verdict(digest, holds=True, until=until, asked=tuple(looked[:_MAX_TOLD]))
