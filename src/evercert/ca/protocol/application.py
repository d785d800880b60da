"""The ACME server as one `Application`: which path is which resource, who may come in, and what goes onto every answer.

A resource sees a request only through its line in one of the tables below, and each table has its own verification:
there is no way to a payload around it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer, Asked
from evercert.ca.protocol import accounts, authorizations, certificates, ordering, orders, revocation, rollover
from evercert.ca.protocol.answers import problem_answer
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.directory import directory
from evercert.ca.protocol.finalize import finalize
from evercert.ca.protocol.replacing import renewal_info
from evercert.ca.protocol.verify import Signed
from evercert.ca.urls import number_of

__all__ = ["AcmeApplication", "Refused"]

_log = logging.getLogger(__name__)

# However much is waited for on the way, a client is answered within so many seconds; most give up after 30.
_LONGEST: Final = 20.0
# What an error of these codes comes of is over sooner or later: the store is away, or many want one thing.
_PASSING: Final = frozenset({"store", "conflict"})
_SOON: Final = timedelta(seconds=3)

Refused = Callable[[Asked, Problem], None]


class AcmeApplication:
    """Answers everything under `/acme/`. *refused* is told of every refusal, for figures and logs."""

    def __init__(self, desk: Desk, refused: Refused = lambda asked, problem: None) -> None:
        self._desk = desk
        self._refused = refused
        self._index = ("link", f'<{desk.urls.directory}>;rel="index"')

    async def __call__(self, asked: Asked) -> Answer:
        try:
            async with asyncio.timeout(_LONGEST):
                answer = await self._answer(asked)
        except Problem as problem:
            self._refused(asked, problem)
            answer = problem_answer(problem)
        except (EvercertError, TimeoutError) as error:
            code = {"code": error.code.name if isinstance(error, EvercertError) else "timeout"}
            words = str(error) or "it took too long"
            _log.error("answering %s %s failed: %s", asked.method, asked.path[:200], words, extra=code)
            answer = self._failure(asked, error)
        except Exception as error:  # a fault of ours; its words are for our log alone
            _log.exception("answering %s %s failed", asked.method, asked.path[:200])
            answer = self._failure(asked, error)
        return self._completed(asked, answer)

    async def _answer(self, asked: Asked) -> Answer:
        words = asked.path.removeprefix("/acme/").split("/")
        if not asked.path.startswith("/acme/") or len(words) > 4:
            raise _nothing()
        if asked.method == "POST":
            return await self._post(asked, words)
        if asked.method in {"GET", "HEAD"}:
            return await self._get(asked, words)
        if asked.method == "OPTIONS":
            return Answer(204, headers=_PREFLIGHT)
        raise Problem(ProblemType.MALFORMED, "the method is not taken here", status=405)

    async def _get(self, asked: Asked, words: list[str]) -> Answer:
        match words:
            case ["directory"]:
                return directory(self._desk, ("cache-control", "max-age=300"))
            case ["new-nonce"]:
                return Answer(200 if asked.method == "HEAD" else 204, headers=(_NOT_KEPT,))
            case ["renewal-info", ari_id]:
                return await renewal_info(self._desk, ari_id)
            case ["star", number]:
                return await certificates.star_certificate(self._desk, None, asked, _number(number))
        if (words[0], len(words)) in _RESOURCES or words in _BY_KEY:
            raise Problem(ProblemType.MALFORMED, "this resource is asked with POST, or POST-as-GET", status=405)
        raise _nothing()

    async def _post(self, asked: Asked, words: list[str]) -> Answer:
        desk = self._desk
        match words:
            case ["new-account"]:
                return await accounts.new_account(desk, await desk.verifier.by_key(asked))
            case ["revoke-cert"]:
                return await revocation.revoke_cert(desk, await desk.verifier.by_either(asked))
        resource = _RESOURCES.get((words[0], len(words)))
        if resource is None:
            raise _nothing()
        return await resource(desk, await desk.verifier.by_account(asked), asked, words)

    def _failure(self, asked: Asked, error: Exception) -> Answer:
        """Our fault, not the client's: what it is stays with us."""
        if isinstance(error, TimeoutError) or (isinstance(error, EvercertError) and error.code.name in _PASSING):
            words = "the CA cannot answer at the moment; ask again"
            problem = Problem(ProblemType.SERVER_INTERNAL, words, status=503, after=_SOON)
        else:
            problem = Problem(ProblemType.SERVER_INTERNAL, "the CA has failed; it is written down, try again later")
        self._refused(asked, problem)
        return problem_answer(problem)

    def _completed(self, asked: Asked, answer: Answer) -> Answer:
        """The answer with what goes onto all of them: the index, and a nonce for the next request."""
        headers = [*answer.headers, *_OPEN]
        if asked.path != "/acme/directory":
            headers.append(self._index)
        if asked.method == "POST" or asked.path == "/acme/new-nonce":
            headers.append(("replay-nonce", self._desk.nonces.new()))
        if asked.method == "POST":
            headers.append(_NOT_KEPT)
        return Answer(answer.status, answer.body, tuple(headers))


async def _directory(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    _must_be_get(signed)
    return directory(desk)


async def _new_nonce(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    _must_be_get(signed)
    return Answer(204)


async def _new_order(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await ordering.new_order(desk, signed)


async def _new_authz(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await ordering.new_authz(desk, signed)


async def _key_change(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await rollover.key_change(desk, signed)


async def _account(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    if not words[2:]:
        return await accounts.account(desk, signed, _number(words[1]))
    if words[2:] == ["orders"]:
        return await accounts.orders(desk, signed, _number(words[1]), _after(asked.query))
    raise _nothing()


async def _order(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    if not words[2:]:
        return await orders.order(desk, signed, _number(words[1]))
    if words[2:] == ["finalize"]:
        return await finalize(desk, signed, _number(words[1]))
    raise _nothing()


async def _authorization(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await authorizations.authorization(desk, signed, _number(words[1]))


async def _challenge(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await authorizations.challenge(desk, signed, _number(words[1]), words[2])


async def _certificate(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    chain = _number(words[2]) if words[2:] else 0
    return await certificates.certificate(desk, signed, asked.header("accept"), words[1], chain)


async def _star(desk: Desk, signed: Signed, asked: Asked, words: list[str]) -> Answer:
    return await certificates.star_certificate(desk, signed, asked, _number(words[1]))


_Resource = Callable[[Desk, Signed, Asked, list[str]], Awaitable[Answer]]

# Whose requests may be signed by a key that is no account's.
_BY_KEY: Final = (["new-account"], ["revoke-cert"])

# By the first segment of its path and how many there are; all of them are for accounts alone.
_RESOURCES: Final[Mapping[tuple[str, int], _Resource]] = MappingProxyType(
    {
        # §6.3: these two in addition to their GET.
        ("directory", 1): _directory,
        ("new-nonce", 1): _new_nonce,
        ("new-order", 1): _new_order,
        ("new-authz", 1): _new_authz,
        ("key-change", 1): _key_change,
        ("account", 2): _account,
        ("account", 3): _account,
        ("order", 2): _order,
        ("order", 3): _order,
        ("authz", 2): _authorization,
        ("challenge", 3): _challenge,
        ("certificate", 2): _certificate,
        ("certificate", 3): _certificate,
        ("star", 2): _star,
    }
)

# RFC 8555 §6.1: clients in browsers are let in; there is no cookie that could be misused.
_OPEN: Final = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "Link, Location, Replay-Nonce, Retry-After"),
)
_NOT_KEPT: Final = ("cache-control", "no-store")
_PREFLIGHT: Final = (
    ("access-control-allow-methods", "GET, HEAD, POST"),
    ("access-control-allow-headers", "Content-Type, Accept"),
    ("access-control-max-age", "86400"),
)


def _must_be_get(signed: Signed) -> None:
    if not signed.is_get:
        raise Problem(ProblemType.MALFORMED, "this resource is read with POST-as-GET: an empty payload")


def _number(text: str) -> int:
    number = number_of(text)
    if number is None:
        raise _nothing()
    return number


def _after(query: str) -> int:
    return number_of(query.removeprefix("after=")) or 0


def _nothing() -> Problem:
    return Problem(ProblemType.MALFORMED, "there is nothing at that path", status=404)
