"""HTTP for code with an event loop: one pool of connections, everything bounded.

Nothing of the environment is read (proxies and trust come from `HttpSettings`), no redirect is
followed, nothing is decompressed: a peer cannot make us do more than one bounded request.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.net import failures
from evercert.net.settings import HttpSettings, host_of, proxy_of, trust

if TYPE_CHECKING:
    import aiohttp

__all__ = ["HttpSettings", "HttpTransport"]

# A server that names a thousand headers, or one of a megabyte, is cut off.
_MAX_LINE = 16 * 1024
_MAX_HEADERS = 100
_CHUNK = 64 * 1024


class HttpTransport:
    """Keeps the contract of `base.message.Transport`. For one event loop; `close` it there.

    The session, with its trust store (25 ms), is made with the first request.
    """

    def __init__(self, settings: HttpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        import aiohttp

        try:
            return await self._exchange(self._session or self._open(), request)
        except NetworkFailure:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            raise _failure(host_of(request.url), error, self._settings.timeout) from error

    async def close(self) -> None:
        """Afterwards no connection is open. Idempotent."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, session: aiohttp.ClientSession, request: Request) -> Response:
        async with session.request(
            request.method,
            request.url,
            data=request.body or None,
            headers=dict(request.headers),
            proxy=proxy_of(self._settings, request.url),
            allow_redirects=False,
        ) as answer:
            body = await _body(answer, request)
            headers = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.raw_headers
            )
            return Response(answer.status, headers, body, self._clock.now())

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        settings = self._settings
        family = {4: socket.AF_INET, 6: socket.AF_INET6}.get(settings.family, socket.AF_UNSPEC)
        connector = aiohttp.TCPConnector(
            ssl=trust(settings), limit=0, limit_per_host=settings.connections, family=family
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=settings.timeout, sock_connect=min(settings.timeout, 10.0)),
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            max_headers=_MAX_HEADERS,
        )
        return self._session


async def _body(answer: aiohttp.ClientResponse, request: Request) -> bytes:
    """The body, read no further than it may be long."""
    if (answer.content_length or 0) > request.max_body and request.method != "HEAD":
        answer.close()
        raise failures.too_large(host_of(request.url), request.max_body)
    chunks, size = [], 0
    async for chunk in answer.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > request.max_body:
            answer.close()
            raise failures.too_large(host_of(request.url), request.max_body)
        chunks.append(chunk)
    return b"".join(chunks)


def _failure(host: str, error: Exception, seconds: float) -> NetworkFailure:  # noqa: PLR0911  # a table
    import aiohttp

    match error:
        case TimeoutError():
            return failures.timed_out(host, seconds)
        case aiohttp.ClientProxyConnectionError():
            return failures.proxy_failed(host, error.os_error.strerror or "no connection to it")
        case aiohttp.ClientHttpProxyError():
            return failures.proxy_failed(host, f"it answered {error.status}")
        case aiohttp.ClientConnectorCertificateError():
            return failures.tls_failed(host, error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            return failures.tls_failed(host, error.os_error)
        case ssl.SSLError():
            return failures.tls_failed(host, error)
        case aiohttp.ClientConnectorDNSError():
            return failures.refused(host, "the name has no address")
        case aiohttp.ClientConnectorError():
            return failures.refused(host, error.os_error)
        case aiohttp.InvalidURL() | UnicodeError():
            return failures.refused(host, "the URL is not valid")
        case _:
            return failures.unfinished(host, type(error).__name__)
