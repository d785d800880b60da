"""A CA over HTTPS that turns on its clients: `FakeCa` behind a listener that twists what it answers.

Run as a program, `python -m tests.fakes.hostile_ca FOLDER`: it listens on port 443 of 127.0.0.1 as ca.test, with the
certificate that `make_listener` put into the folder. Which twist is on stands in the folder's file `twist`, and is read
again at each request, so that a test can have an honest CA first and last.
"""

from __future__ import annotations

import gzip
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any, Final

from evercert.base.clock import SystemClock
from evercert.base.message import Request, Response
from evercert.simulation.ca.signing import Hierarchy
from tests.fakes.ca import FakeCa

__all__ = ["TWISTS"]

BASE = "https://ca.test"

_MEGABYTE = b"\0" * (1 << 20)
_NEVER = "Fri, 31 Dec 9999 23:59:59 GMT"


@dataclass(frozen=True)
class Flood:
    """A body without a length that goes on for as long as the client listens, up to a gigabyte."""

    headers: tuple[tuple[str, str], ...]
    parts: Iterable[bytes]


Twisted = Response | Flood
Twist = Callable[[FakeCa, Response], Twisted]


def _with(response: Response, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = tuple(pair for pair in response.headers if pair[0] not in named)
    return replace(response, headers=kept + tuple(named.items()))


def _told(response: Response, **fields: object) -> Response:
    """The same document with other fields."""
    return replace(response, body=json.dumps(json.loads(response.body) | fields).encode())


def _problem(response: Response, kind: str, status: int, detail: str = "", **headers: str) -> Response:
    document = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
    plain = _with(response, content_type="application/problem+json", **headers)
    return replace(plain, status=status, body=json.dumps(document).encode())


def _redirected(ca: FakeCa, response: Response) -> Response:
    return replace(_with(response, location=f"{BASE}/directory?again"), status=302)


def _gigabyte(ca: FakeCa, response: Response) -> Flood:
    return Flood((("content-type", "application/json"),), repeat(_MEGABYTE, 1024))


def _bomb(ca: FakeCa, response: Response) -> Flood:
    return Flood((("content-type", "application/json"), ("content-encoding", "gzip")), _squeezed())


def _squeezed() -> Iterator[bytes]:
    # Members of one gzip stream may follow each other (RFC 1952 §2.2): a megabyte of zeros is a kilobyte.
    yield from repeat(gzip.compress(_MEGABYTE * 8), 128)


def _other_tokens(token: str) -> Twist:
    def twist(ca: FakeCa, response: Response) -> Response:
        challenges = [each | {"token": token} for each in json.loads(response.body)["challenges"]]
        return _told(response, challenges=challenges)

    return twist


def _other_leaf(ca: FakeCa, response: Response) -> Response:
    stranger = Hierarchy(ca.clock.now(), 0)
    return replace(response, body=_pem_of(stranger))


def _pem_of(hierarchy: Hierarchy) -> bytes:
    from tests.fakes.bundles import Issuer

    return Issuer().bundle("www.example.test").fullchain_pem.encode()


# name -> the resource it is about, and what becomes of its answer.
TWISTS: Final[dict[str, tuple[str, Twist]]] = {
    "redirects": ("directory", _redirected),
    "gigabyte": ("directory", _gigabyte),
    "bomb": ("directory", _bomb),
    "deep": ("directory", lambda ca, response: replace(response, body=b"[" * 900_000)),
    "header": ("directory", lambda ca, response: _with(response, x_long="x" * 1_000_000)),
    "elsewhere": ("directory", lambda ca, response: _told(response, newOrder="file:///etc/passwd")),
    "nonces": ("new-order", lambda ca, response: _problem(response, "badNonce", 400)),
    "authorizations": (
        "new-order",
        lambda ca, response: _told(response, authorizations=[f"{BASE}/authz/{number}" for number in range(25_000)]),
    ),
    "names": (
        "new-order",
        lambda ca, response: _told(response, identifiers=[{"type": "dns", "value": "other.example.test"}]),
    ),
    "limited": ("new-order", lambda ca, response: _problem(response, "rateLimited", 429, retry_after=_NEVER)),
    "escapes": (
        "new-order",
        lambda ca, response: _problem(response, "unauthorized", 403, "\x1b]0;mine\x07\x1b[2J\r\n" + "x" * 9000),
    ),
    "path": ("authz", _other_tokens("../../../../../../tmp/evercert-was-here")),
    "long": ("authz", _other_tokens("a" * 100_000)),
    "someday": (
        "authz",
        lambda ca, response: _with(_told(response, status="pending"), retry_after=_NEVER),
    ),
    "garbage": ("certificate", lambda ca, response: replace(response, body=b"\x00\xff garbage" * 1000)),
    "broken": (
        "certificate",
        lambda ca, response: replace(
            response, body=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 9
        ),
    ),
    "chain": ("certificate", lambda ca, response: replace(response, body=response.body * 400)),
    "leaf": ("certificate", _other_leaf),
    "link": ("certificate", lambda ca, response: _with(response, link="<file:///etc/passwd>;rel=alternate")),
    "links": (
        "certificate",
        lambda ca, response: _with(
            response, link=", ".join(f'<{BASE}/certificate/x?chain={n}>;rel="alternate"' for n in range(100))
        ),
    ),
    "window": (
        "renewal-info",
        lambda ca, response: _told(
            response, suggestedWindow={"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:59:59Z"}
        ),
    ),
    "backwards": (
        "renewal-info",
        lambda ca, response: _told(
            response, suggestedWindow={"start": "2031-01-01T00:00:00Z", "end": "1970-01-01T00:00:00Z"}
        ),
    ),
}


class _Listener(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ca: FakeCa
    folder: Path
    one_at_a_time = threading.Lock()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Nothing: the program's log is for its failures."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.one_at_a_time:
            honest = self.ca.answer(Request(self.command, BASE + self.path, headers, body))
        twisted = self._twisted(honest)
        if isinstance(twisted, Flood):
            self._pour(twisted)
            return
        self.send_response_only(twisted.status)
        for name, value in (*twisted.headers, ("content-length", str(len(twisted.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else twisted.body)

    def _twisted(self, honest: Response) -> Twisted:
        name = (self.folder / "twist").read_text()
        if name not in TWISTS:
            return honest
        resource, twist = TWISTS[name]
        asked = self.path.split("?")[0].strip("/").split("/")[0]
        return twist(self.ca, honest) if asked == resource and honest.status < 400 else honest

    def _pour(self, flood: Flood) -> None:
        self.send_response_only(200)
        for name, value in (*flood.headers, ("connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        for part in flood.parts:
            self.wfile.write(part)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has had enough hangs up; that is what is wanted of it."""


def _main(folder: Path) -> None:
    clock = SystemClock()
    _Listener.ca, _Listener.folder = FakeCa(clock, lifetime=timedelta(days=90), alternates=1), folder
    now = clock.now()
    _Listener.ca.window = (now + timedelta(days=60), now + timedelta(days=61))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "listener.pem", folder / "listener.key")
    server = _Server(("127.0.0.1", 443), _Listener)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
