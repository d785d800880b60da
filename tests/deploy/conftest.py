"""What deploy tests share: a plugin's ports on this machine, a CA in memory, a responder to challenges."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.deploy.apply import Outcome, Prove, apply, rehearse
from evercert.deploy.proof import prove
from evercert.host.programs import SystemPrograms
from evercert.plugins.contracts import Bundle, Ports, Rehearsal, Target
from evercert.plugins.info import Options, PluginInfo
from tests.fakes.bundles import Issuer
from tests.peers.handshake import probe

__all__ = ["Responder", "options_for", "prove_soon", "run_apply", "told_before"]

prove_soon: Prove = partial(prove, probe=probe, clock=SystemClock(), patience=3.0)


def options_for(info: PluginInfo, **values: str) -> Options:
    assert all(info.field(name) for name in values)
    return Options(info, values, {})


async def run_apply(target: Target, bundle: Bundle, prover: Prove = prove_soon) -> Outcome:
    return await asyncio.wait_for(apply(target, bundle, prover, lambda _: None), 60)


async def told_before(target: Rehearsal, bundle: Bundle, *watched: Path) -> str:
    """What a rehearsal tells; nothing below *watched* is changed by it."""
    before = _contents(watched)
    failure = await rehearse(target, bundle)
    assert _contents(watched) == before
    return failure.message if failure else ""


def _contents(folders: Sequence[Path]) -> dict[Path, bytes | None]:
    paths = (path for folder in folders for path in folder.rglob("*"))
    return {path: path.read_bytes() if path.is_file() else None for path in paths if not path.name.endswith(".log")}


class PlainHttp:
    """Keeps `base.message.Transport` over http.client, for servers on this machine."""

    async def send(self, request: Request) -> Response:
        try:
            return await asyncio.to_thread(self._send, request)
        except OSError as error:
            raise NetworkFailure("unreachable", str(error)) from error

    def _send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=5)
        try:
            connection.request(request.method, parts.path, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            headers = tuple((name.lower(), value) for name, value in answer.getheaders())
            return Response(answer.status, headers, answer.read(request.max_body), SystemClock().now())
        finally:
            connection.close()


class NoDns:
    """Deploy targets ask no DNS: whoever calls this is wrong."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a deploy target asked DNS: {name}")


@pytest.fixture
def ports() -> Ports:
    return Ports(PlainHttp(), NoDns(), SystemPrograms(), SystemClock())


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


class Responder:
    """Answers `/.well-known/acme-challenge/<token>` for the tokens that it was told."""

    def __init__(self, *tokens: str) -> None:
        known = set(tokens)

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.path.rpartition("/")[2]
                self.send_response(200 if token in known else 404)
                self.end_headers()
                self.wfile.write(f"{token}.thumbprint".encode() if token in known else b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def responder() -> Iterator[Callable[..., Responder]]:
    made: list[Responder] = []

    def make(*tokens: str) -> Responder:
        made.append(Responder(*tokens))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


def error_of(outcome: Outcome) -> EvercertError:
    assert outcome.failure is not None
    return outcome.failure
