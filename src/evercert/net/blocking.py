"""HTTP for code without an event loop: the contract and the bounds of `net.http`, over urllib3."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from http.client import HTTPResponse, IncompleteRead
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
    URLSchemeUnknown,
)

from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.net import failures
from evercert.net.settings import HttpSettings, host_of, proxy_of, trust

__all__ = ["BlockingHttpTransport", "HttpSettings"]

_CHUNK = 64 * 1024
_CONNECT_SECONDS = 10.0
# A socket bound to the unspecified address of one family connects to no address of the other.
_SOURCES = {4: ("0.0.0.0", 0), 6: ("::", 0)}  # noqa: S104  # nothing listens on it


class BlockingHttpTransport:
    """Keeps the contract of `base.message.BlockingTransport`. Safe to use from many threads; `close` it."""

    def __init__(self, settings: HttpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        # A `cached_property` is made by each thread that finds none, since Python 3.12; each would open its own.
        self._making = threading.Lock()

    def send(self, request: Request) -> Response:
        host, seconds = host_of(request.url), self._settings.timeout
        with _Exchange(seconds) as exchange:
            try:
                return self._exchanged(request)
            except NetworkFailure:
                raise
            except (HTTPError, OSError, ValueError) as error:
                if exchange.is_over:
                    raise failures.timed_out(host, seconds) from error
                raise _failure(host, error, seconds) from error

    def close(self) -> None:
        """Afterwards no connection is open. Idempotent."""
        with self._making:
            made = [self.__dict__.pop(name, None) for name in ("_direct", "_proxied")]
        for manager in filter(None, made):
            manager.clear()

    def _exchanged(self, request: Request) -> Response:
        if not request.url.lower().startswith(("http://", "https://")):
            raise URLSchemeUnknown("")
        with self._making:
            manager = self._proxied if proxy_of(self._settings, request.url) else self._direct
        answer = manager.request(
            request.method,
            request.url,
            body=request.body or None,
            headers={"User-Agent": self._settings.user_agent, "Accept-Encoding": "identity", **request.headers},
            redirect=False,
            retries=False,
            pool_timeout=self._settings.timeout,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _body(answer, request)
        except BaseException as error:
            answer.close()
            if isinstance(error, SSLError) and failures.is_cut_off(_cause(error)):
                raise ProtocolError("cut off") from error
            raise
        answer.release_conn()
        headers = tuple((name.lower(), value) for name, value in answer.headers.iteritems())
        return Response(answer.status, headers, body, self._clock.now())

    @cached_property
    def _direct(self) -> urllib3.PoolManager:
        return _watched(urllib3.PoolManager(**self._options()))

    @cached_property
    def _proxied(self) -> urllib3.PoolManager:
        proxy = urllib3.util.parse_url(self._settings.proxy)
        credentials = urllib3.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
        address = proxy._replace(auth=None).url
        return _watched(urllib3.ProxyManager(address, proxy_headers=credentials, **self._options()))

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "ssl_context": trust(settings),
            "maxsize": settings.connections,
            "block": True,
            "timeout": urllib3.Timeout(connect=min(settings.timeout, _CONNECT_SECONDS), read=settings.timeout),
        }
        # Only where one family is forced: a source address is part of what a pool is known by.
        return options | ({"source_address": _SOURCES[settings.family]} if settings.family in _SOURCES else {})


class _Exchange:
    """One request and its answer, cut off when its time is over.

    The time-outs of sockets begin anew with every octet, so that a peer could take for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.connection: HTTPConnection | None = None
        self.is_over = False
        self._timer = threading.Timer(seconds, self._cut_off)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._before = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _current.reset(self._before)

    def _cut_off(self) -> None:
        self.is_over = True
        where = self.connection.sock if self.connection is not None else None
        if where is not None:
            with suppress(OSError):
                # Past the TLS object, whose own `shutdown` is not for other threads. Whoever reads sees the end.
                socket.socket.shutdown(where, socket.SHUT_RDWR)


_current: ContextVar[_Exchange] = ContextVar("_current")


class _WholeHead(HTTPResponse):
    """Takes no head that ends before its empty line; the standard library would take that for all of it."""

    def begin(self) -> None:
        lines = _Lines(self.fp)
        self.fp = cast(Any, lines)
        super().begin()
        if lines.last not in {b"\r\n", b"\n"}:
            raise IncompleteRead(lines.last)


class _Lines:
    """The stream that a response is read from, with the last line that was taken from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = bytes(self._stream.readline(limit))
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Connection(HTTPConnection):
    """Tells the exchange that uses it; a connection is used by one at a time."""

    response_class = _WholeHead

    def connect(self) -> None:
        _current.get().connection = self
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        _current.get().connection = self
        super().request(*args, **kwargs)


class _SecureConnection(HTTPSConnection):
    response_class = _WholeHead

    def connect(self) -> None:
        _current.get().connection = self
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            # RFC 9112 §9.8: whoever can end a connection could shorten what it carries.
            self.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]  # typeshed does not know it

    def request(self, *args: Any, **kwargs: Any) -> None:
        _current.get().connection = self
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        try:
            return super().getresponse()
        except ssl.SSLError as error:
            if failures.is_cut_off(error):  # TLS has begun long since: what it lacks is its end
                raise ConnectionResetError from error
            raise


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _watched(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


def _body(answer: urllib3.BaseHTTPResponse, request: Request) -> bytes:
    """The body, read no further than it may be long."""
    if request.method != "HEAD" and _announced(answer.headers) > request.max_body:
        raise failures.too_large(host_of(request.url), request.max_body)
    chunks, size = [], 0
    while chunk := answer.read(_CHUNK):
        size += len(chunk)
        if size > request.max_body:
            raise failures.too_large(host_of(request.url), request.max_body)
        chunks.append(chunk)
    return b"".join(chunks)


def _announced(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdecimal() else 0


def _failure(host: str, error: Exception, seconds: float) -> NetworkFailure:  # noqa: PLR0911  # a table
    match error:
        case EmptyPoolError() | ReadTimeoutError():
            return failures.timed_out(host, seconds)
        case ProxyError():
            return failures.proxy_failed(host, type(error.original_error).__name__)
        case SSLError():
            return failures.tls_failed(host, _cause(error))
        case ConnectTimeoutError() if not isinstance(error, NewConnectionError):
            return failures.timed_out(host, min(seconds, _CONNECT_SECONDS))
        case NameResolutionError():
            return failures.refused(host, "the name has no address")
        case NewConnectionError() if isinstance(error.__cause__, OSError):
            return failures.refused(host, error.__cause__)
        case LocationValueError() | UnicodeError():
            return failures.refused(host, "the URL is not valid")
        case _:
            return failures.unfinished(host, type(error).__name__)


def _cause(error: SSLError) -> Exception:
    return next((cause for cause in error.args if isinstance(cause, OSError)), error)
