"""HTTP for code with an event loop: one pool of connections per server, everything bounded.

Nothing of the environment is read (proxies and trust come from `HttpSettings`), no redirect is followed,
nothing is decompressed: a peer cannot make us do more than one bounded request.

HTTP/1.1 is spoken by this room itself, as far as a client of ours needs it (one request, one whole answer): with a
general client's sessions, redirects, cookies and streams a certificate cost an eighth to a sixth more processor time.
"""

from __future__ import annotations

import asyncio
import ssl

from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.net import failures
from evercert.net.answer import Answer, Malformed, TooLarge
from evercert.net.asking import Place, octets_of, place_of
from evercert.net.connections import Pool
from evercert.net.opening import Opening
from evercert.net.settings import HttpSettings, host_of, proxy_of

__all__ = ["HttpSettings", "HttpTransport"]


class HttpTransport:
    """Keeps the contract of `base.message.Transport`. For one event loop; `close` it there."""

    def __init__(self, settings: HttpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._opening = Opening(settings)
        self._standing = {"User-Agent": settings.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._pools: dict[Place, Pool] = {}

    async def send(self, request: Request) -> Response:
        try:
            place = place_of(request.url)
            is_proxied = proxy_of(self._settings, request.url) is not None
            pool = self._pools.get(place) or self._pool(place, is_proxied=is_proxied)
            octets = self._octets(request, place, is_proxied=is_proxied)
        except NetworkFailure:
            raise
        except ValueError as error:  # UnicodeError is one
            raise failures.refused(host_of(request.url), "the URL is not valid") from error
        answer = await self._answered(pool, octets, request)
        return Response(answer.status, answer.headers, answer.body, self._clock.now())

    async def close(self) -> None:
        """Afterwards no connection is open. Idempotent."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        await asyncio.sleep(0)  # the loop lets go of what was closed

    def _pool(self, place: Place, *, is_proxied: bool) -> Pool:
        open_one = self._opening.through_proxy if is_proxied else self._opening.straight
        pool = self._pools[place] = Pool(open_one, place, self._settings.connections)
        return pool

    def _octets(self, request: Request, place: Place, *, is_proxied: bool) -> bytes:
        if is_proxied and place.scheme == "http":
            return octets_of(request, place, self._standing | self._opening.proxy_headers, absolute=True)
        return octets_of(request, place, self._standing)

    async def _answered(self, pool: Pool, octets: bytes, request: Request) -> Answer:
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                return await pool.exchange(octets, request.method, request.max_body)
        except NetworkFailure:
            raise
        except TimeoutError as error:
            raise failures.timed_out(host_of(request.url), seconds) from error
        except TooLarge as error:
            raise failures.too_large(host_of(request.url), request.max_body) from error
        except ssl.SSLError as error:
            if failures.is_cut_off(error):
                raise failures.unfinished(host_of(request.url), "it ended too soon") from error
            raise failures.tls_failed(host_of(request.url), error) from error
        except (OSError, Malformed) as error:
            told = str(error) if isinstance(error, Malformed) else type(error).__name__
            raise failures.unfinished(host_of(request.url), told) from error
