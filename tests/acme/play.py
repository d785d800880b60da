"""Flows as conversations, without a loop, a clock or a socket.

    play(fetch(session, Order, URL)) << post(URL) >> reply(ORDER) << Sleep(7, ANY) << ... << returns(order)

On the left of `<<` is what was said so far, on its right what the flow must do next; `>>` is the
server's part. A conversation that ends without `returns` or `fails` is not checked to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evercert.acme.jose import unb64url
from evercert.acme.problem import ProblemType
from evercert.acme.session import Session
from evercert.acme.step import Flow, SideBySide, Sleep, Step, Turn
from evercert.acme.wire import Directory, Meta
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response

__all__ = [
    "ACCOUNT_URL", "CA", "DIRECTORY", "NOW", "Post", "StubSigner", "fails", "get", "head", "play", "post", "refuse",
    "reply", "returns", "session", "sleeps", "spoken",
]  # fmt: skip

CA = "https://ca.example"
ACCOUNT_URL = f"{CA}/acct/1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIRECTORY = {
    "newNonce": f"{CA}/new-nonce",
    "newAccount": f"{CA}/new-account",
    "newOrder": f"{CA}/new-order",
    "newAuthz": f"{CA}/new-authz",
    "revokeCert": f"{CA}/revoke-cert",
    "keyChange": f"{CA}/key-change",
    "renewalInfo": f"{CA}/renewal-info",
}


class StubSigner:
    """Keeps `jose.Signer`; its signatures say whose they are and nothing else."""

    jws_alg = "ES256"

    def __init__(self, name: str = "old") -> None:
        self.jwk: Mapping[str, str] = {"crv": "P-256", "kty": "EC", "x": name, "y": "y"}

    def sign_jws(self, data: bytes) -> bytes:
        return b"signed by " + self.jwk["x"].encode()


def session(*, nonces: int = 1, account: bool = True, meta: Meta | None = None, **directory: str) -> Session:
    """A session in the middle of its life: directory, account and nonces are at hand."""
    made = Session(f"{CA}/directory", StubSigner(), account_url=ACCOUNT_URL if account else "")
    urls = {name: url for name, url in (DIRECTORY | directory).items() if url}
    response = reply(urls)
    made.keep_directory(made.read(Directory, response, f"{CA}/directory"), NOW)
    if meta:
        made.keep_directory(_with_meta(made, meta), NOW)
    for number in range(nonces):
        made.keep_nonce(Response(200, (("replay-nonce", f"nonce-{number}"),), b"", NOW))
    return made


def _with_meta(made: Session, meta: Meta) -> Directory:
    import msgspec

    assert made.directory is not None
    return msgspec.structs.replace(made.directory, meta=meta)


@dataclass(frozen=True)
class Post:
    """A signed request, as far as the test wants to know. `payload` None is POST-as-GET; `...` is any."""

    url: str
    payload: Any = ...
    by: str | None = None

    def check(self, step: Step) -> None:
        assert isinstance(step, Request), f"expected a POST to {self.url}, got {step}"
        said = spoken(step)
        assert (step.method, step.url) == ("POST", self.url)
        assert said["header"]["url"] == self.url
        if self.payload is not ...:
            assert said["payload"] == self.payload
        if self.by is not None:
            assert unb64url(json.loads(step.body)["signature"]) == f"signed by {self.by}".encode()


@dataclass(frozen=True)
class Plain:
    method: str
    url: str

    def check(self, step: Step) -> None:
        assert isinstance(step, Request), f"expected {self.method} {self.url}, got {step}"
        assert (step.method, step.url, step.body) == (self.method, self.url, b"")


@dataclass(frozen=True)
class Slept:
    seconds: Any
    reason: str = ""

    def check(self, step: Step) -> None:
        assert isinstance(step, Sleep), f"expected a sleep, got {step}"
        assert self.seconds is None or step.seconds == self.seconds
        assert self.reason in step.reason


@dataclass(frozen=True)
class Done:
    judge: Callable[[Any], object]


@dataclass(frozen=True)
class Failed:
    code: str
    type: ProblemType | None = None
    words: str = ""
    found: list[EvercertError] = field(default_factory=list)


def spoken(request: Request) -> dict[str, Any]:
    """The header and payload of a signed request."""
    body = json.loads(request.body)
    payload = unb64url(body["payload"])
    return {"header": json.loads(unb64url(body["protected"])), "payload": json.loads(payload) if payload else None}


def post(url: str, payload: Any = ..., *, by: str | None = None) -> Post:
    return Post(url, payload, by)


def get(url: str) -> Plain:
    return Plain("GET", url)


def head(url: str) -> Plain:
    return Plain("HEAD", url)


def sleeps(seconds: Any = None, reason: str = "") -> Slept:
    """For so long, or for about so long (`pytest.approx`)."""
    return Slept(seconds, reason)


def returns(expected: Any = ...) -> Done:
    """The flow is over; its result equals *expected*, or satisfies it if it is a function."""
    if callable(expected):
        return Done(expected)
    return Done(lambda result: expected is ... or result == expected)


def fails(code: str, type: ProblemType | None = None, words: str = "") -> Failed:  # noqa: A002
    return Failed(code, type, words)


def reply(body: Any = b"", status: int = 200, **headers: str) -> Response:
    """A success; a body that is no bytes is sent as JSON. Every reply brings a nonce."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"replay-nonce": "nonce-of-reply"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, tuple((name, value) for name, value in named.items() if value), content, NOW)


def refuse(type: ProblemType, detail: str = "", status: int = 0, **headers: str) -> Response:  # noqa: A002
    return reply({"type": type.urn, "detail": detail}, status or type.value.status, **headers)


class _Conversation:
    def __init__(self, flow: Flow[Any]) -> None:
        self._flow = flow
        self._step: Step | None = None
        self._result: Any = None
        self._error: EvercertError | None = None
        self._go(lambda: next(flow))

    def __lshift__(self, expected: Post | Plain | Slept | Done | Failed) -> _Conversation:
        if isinstance(expected, Failed):
            self._check_failure(expected)
        elif isinstance(expected, Done):
            assert self._step is None, f"the flow goes on with {self._step}"
            assert self._error is None, f"the flow failed: {self._error!r}"
            assert expected.judge(self._result), f"it returned {self._result}"
        else:
            assert self._step is not None, f"the flow is over: {self._result} {self._error!r}"
            expected.check(self._step)
            if isinstance(expected, Slept):
                self._go(lambda: next(self._flow))
        return self

    def __rshift__(self, answer: Response | NetworkFailure) -> _Conversation:
        if isinstance(answer, NetworkFailure):
            self._go(lambda: self._flow.throw(answer))
        else:
            self._go(lambda: self._flow.send(answer))
        return self

    def _check_failure(self, expected: Failed) -> None:
        assert self._error is not None, f"the flow did not fail: {self._step or self._result}"
        assert self._error.code.name == expected.code, repr(self._error)
        assert expected.type is None or getattr(self._error, "type", None) is expected.type
        assert expected.words in str(self._error) + self._error.hint
        expected.found.append(self._error)

    def _go(self, step: Callable[[], Step]) -> None:
        self._step = None
        try:
            self._step = step()
            while isinstance(self._step, Turn):
                self._step = next(self._flow)
            assert not isinstance(self._step, SideBySide), "drive side-by-side flows with tests of drive"
        except StopIteration as done:
            self._result = done.value
        except EvercertError as error:
            self._error = error


def play(flow: Flow[Any]) -> _Conversation:
    """The conversation up to the flow's first word."""
    return _Conversation(flow)
