"""Octets into whole requests. llhttp parses, as strictly as it can; everything that it does not bound is bounded here.

Where two readers might disagree on where a request ends, nothing is read (RFC 9112 §11.2).
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from evercert.base.serving import Asked
from evercert.net.serve.limits import Limits

__all__ = ["Phase", "Refusal", "RequestReader"]

_VERSIONS: Final = frozenset({"1.0", "1.1"})
_FIELD_OVERHEAD: Final = len(": \r\n")


class Refusal(Exception):
    """A request that is not read on, with the status that says why. Nothing after it can be read."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Phase(Enum):
    """How far the next request has come."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class RequestReader:
    """One connection's requests. `whole` are those that nobody has taken yet, each with whether another may follow.

    `wants_continue`: the peer waits for a word before it sends the body (RFC 9110 §10.1.1); who gives it clears it.
    """

    def __init__(self, limits: Limits, peer: str, client_certificate: bytes) -> None:
        self.whole: deque[tuple[Asked, bool]] = deque()
        self.phase = Phase.NOTHING
        self.wants_continue = False
        self.is_over = False
        self._limits = limits
        self._peer, self._client_certificate = peer, client_certificate
        self._parser = HttpRequestParser(self)
        self._refusal: Refusal | None = None
        self._begin()

    def feed(self, data: bytes) -> None:
        """Afterwards what has become whole is in `whole`. Raises `Refusal`."""
        begun = self._begun if self.phase is not Phase.NOTHING else self._begun + 1
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
        except HttpParserCallbackError as error:
            raise self._refusal or Refusal(400) from error
        except HttpParserError as error:
            if not self.is_over:  # else it is what came after the last request, and nobody's
                raise Refusal(400) from error
        if self.phase is Phase.HEAD and self._begun <= begun:  # nothing else was in these octets
            self._unfinished += len(data)  # llhttp keeps a field until it is whole
            if self._unfinished > self._limits.head:
                raise Refusal(431)

    def partial(self) -> Asked:
        """What is known of the request that is being read, for who writes down that it was refused."""
        target = self._target.decode("latin-1").partition("?")[0]
        return Asked(self._method, target, peer=self._peer, client_certificate=self._client_certificate)

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self._begin()
        self._begun += 1
        self.phase = Phase.HEAD

    def on_url(self, piece: bytes) -> None:
        self._target += piece
        self._count(len(piece), 0)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _FIELD_OVERHEAD, 1)
        if self.phase is Phase.HEAD:  # else it is a trailer, which nobody asked for
            self._fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._method = self._parser.get_method().decode()
        self._path, self._query = self._split_target()
        self._room = self._limits.body_of(self._path)
        self._check_fields()
        self.phase = Phase.BODY

    def on_body(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._room:
            self._refuse(413)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # it comes again, without
        self.phase = Phase.NOTHING
        self.wants_continue = False
        asked = Asked(
            self._method,
            self._path,
            self._query,
            tuple(self._fields),
            bytes(self._body),
            self._peer,
            self._client_certificate,
        )
        goes_on = self._parser.should_keep_alive()
        self.is_over = not goes_on
        self.whole.append((asked, goes_on))

    # What is ours.

    _begun = 0

    def _begin(self) -> None:
        self._method = ""
        self._target = b""
        self._fields: list[tuple[str, str]] = []
        self._body = bytearray()
        self._octets = self._number = self._unfinished = 0

    def _refuse(self, status: int) -> None:
        self._refusal = Refusal(status)
        raise self._refusal

    def _count(self, octets: int, fields: int) -> None:
        self._octets += octets
        self._number += fields
        if self._octets > self._limits.head or self._number > self._limits.fields:
            self._refuse(431)

    def _split_target(self) -> tuple[str, str]:
        """Path and query of a target in origin form, or in absolute form, as a proxy sends it (RFC 9112 §3.2)."""
        target = self._target.decode("latin-1")
        if not target.startswith("/") and "://" in target:
            authority, slash, rest = target.partition("://")[2].partition("/")
            target = slash + rest if "?" not in authority else ""
        if target == "*" and self._method == "OPTIONS":
            return target, ""
        if not target.startswith("/") or "#" in target:
            self._refuse(400)
        path, _, query = target.partition("?")
        return path, query

    def _check_fields(self) -> None:
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            self._refuse(505)
        hosts = 0
        for name, value in self._fields:
            if name == "host":
                hosts += 1
            elif name == "content-length":
                if int(value) > self._room:
                    self._refuse(413)
            elif name == "transfer-encoding" and (value.lower() != "chunked" or version == "1.0"):
                self._refuse(501 if version == "1.1" else 400)
            elif name == "expect":
                self.wants_continue = version == "1.1" and value.lower() == "100-continue"
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._refuse(400)  # RFC 9112 §3.2

    def _read_without_upgrade(self, rest: bytes) -> None:
        """A server may pass over an upgrade (RFC 9110 §7.8), but llhttp then knows of no body: so the head is read
        again without it."""
        if self._method == "CONNECT":
            raise Refusal(405)
        fields = [field for field in self._fields if field[0] not in {"upgrade", "http2-settings"}]
        lines = [f"{self._method} {self._target.decode('latin-1')} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields]
        self._parser = HttpRequestParser(self)
        self.feed("\r\n".join((*lines, "", "")).encode("latin-1") + rest)
