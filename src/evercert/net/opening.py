"""Opening a connection to a web server: straight, or through a proxy; with TLS, or plain."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from evercert.base.errors import NetworkFailure
from evercert.net import failures
from evercert.net.answer import Malformed, TooLarge
from evercert.net.asking import Place, basic, connecting
from evercert.net.connections import Connection
from evercert.net.dialling import dialled
from evercert.net.encrypted import Encrypted
from evercert.net.settings import HttpSettings, trust

__all__ = ["Opening"]

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_CONNECT_SECONDS: Final = 10.0
# What a proxy says to a CONNECT has no body; to a refusal it may have a page.
_PROXY_PAGE: Final = 64 * 1024
_READ_AT_ONCE: Final = 64 * 1024


class Opening:
    """How this installation gets to servers. The trust store (25 ms) is read for the first one with TLS."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._seconds = min(settings.timeout, _CONNECT_SECONDS)
        self._buffer = memoryview(bytearray(_READ_AT_ONCE))

    async def straight(self, place: Place) -> Connection:
        """A connection to *place*. Raises `NetworkFailure`, and `bad-input` where the roots cannot be read."""
        if place.scheme == "http":
            return await self._connected(place)
        trusted = self._trust
        return await self._secured(await self._connected(place), place, trusted)

    async def through_proxy(self, place: Place) -> Connection:
        """A connection that leads to *place*: a tunnel for TLS, the proxy itself for what is plain."""
        proxy, trusted = urlsplit(self._settings.proxy), self._trust
        try:
            connection = await self._connected(Place("http", proxy.hostname or "", proxy.port or 80))
        except NetworkFailure as failure:
            raise failures.proxy_failed(place.authority, "no connection to it") from failure
        if place.scheme == "http":
            return connection
        await self._tunnelled(connection, place)
        return await self._secured(connection, place, trusted)

    @cached_property
    def proxy_headers(self) -> dict[str, str]:
        """What the proxy is told with each request to it."""
        proxy = urlsplit(self._settings.proxy)
        if proxy.username is None:
            return {}
        return {"Proxy-Authorization": basic(proxy.username, proxy.password or "")}

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return trust(self._settings)

    async def _connected(self, place: Place) -> Connection:
        try:
            async with asyncio.timeout(self._seconds):
                family = _FAMILIES.get(self._settings.family, socket.AF_UNSPEC)
                dialled_to = await dialled(place.host, place.port, family)
        except TimeoutError as error:
            raise failures.timed_out(place.authority, self._seconds) from error
        except socket.gaierror as error:
            raise failures.refused(place.authority, "the name has no address") from error
        except (OSError, UnicodeError, OverflowError) as error:
            raise failures.refused(place.authority, error if isinstance(error, OSError) else "no such name") from error
        _, connection = await asyncio.get_running_loop().create_connection(Connection, sock=dialled_to)
        return connection

    async def _secured(self, connection: Connection, place: Place, trusted: ssl.SSLContext) -> Connection:
        try:
            await Encrypted(connection, trusted, place.host, self._buffer).shake_hands()
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError | ValueError) and not isinstance(error, TimeoutError):
                raise failures.tls_failed(place.authority, error) from error
            raise
        return connection

    async def _tunnelled(self, connection: Connection, place: Place) -> None:
        """Afterwards what is sent over the connection goes to *place*."""
        octets = connecting(place, {"User-Agent": self._settings.user_agent, **self.proxy_headers})
        try:
            answer = await connection.exchange(octets, "CONNECT", _PROXY_PAGE)
        except (OSError, Malformed, TooLarge) as error:
            raise failures.proxy_failed(place.authority, "it said nothing that can be understood") from error
        if answer.status // 100 != 2 or not connection.is_open:
            connection.close()
            raise failures.proxy_failed(place.authority, f"it answered {answer.status}")
