"""The real `ca.validation.network.Network`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, TypeVar

from evercert import __version__
from evercert.base.errors import NetworkFailure
from evercert.base.probe import CaaRecord, Door, Handshake, Limits, Looked, Outcome, Page
from evercert.net import failures
from evercert.net.validating.message import Kind
from evercert.net.validating.names import Resolvers
from evercert.net.validating.page import NotHttp, PageReader, TooLarge, request_for
from evercert.net.validating.stream import Stream, TlsStream, place_of

__all__ = ["ValidatingNetwork"]

_USER_AGENT: Final = f"evercert/{__version__} (ACME validation)"
_ACME_TLS: Final = "acme-tls/1"

Seen = TypeVar("Seen")


class ValidatingNetwork:
    """Asks *resolvers* (address or address:port; by default those of this machine), goes to addresses directly.

    Nothing of the environment is read, nothing is kept between two calls. Safe to use from many tasks at once.
    """

    def __init__(
        self, resolvers: Sequence[str] = (), *, dns_timeout: float = 5.0, user_agent: str = _USER_AGENT
    ) -> None:
        self._resolvers = Resolvers(resolvers, dns_timeout)
        self._user_agent = user_agent

    async def addresses(self, name: str) -> Looked[str]:
        ipv6, ipv4 = await self._resolvers.addresses(name)
        if found := (*ipv6.records, *ipv4.records):
            vouched = all(each.authentic for each in (ipv6, ipv4) if each.records)
            return Looked(Outcome.FOUND, found, vouched, ipv4.server or ipv6.server)
        return ipv6 if ipv4.outcome.is_answer else ipv4

    async def txt(self, name: str) -> Looked[bytes]:
        return await self._resolvers.look_up(name, Kind.TXT)

    async def caa(self, names: Sequence[str]) -> Mapping[str, Looked[CaaRecord]]:
        found = await self._resolvers.look_up_all([(name, Kind.CAA) for name in names])
        return dict(zip(names, found, strict=True))

    async def fetch(self, door: Door, limits: Limits) -> Page:
        return await _within(limits, place_of(door.address, door.port), self._fetched(door, limits))

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Limits) -> Handshake:
        return await _within(limits, place_of(address, port), _handshake(address, port, server_name, limits))

    async def _fetched(self, door: Door, limits: Limits) -> Page:
        with Stream(door.address, door.port) as stream:
            await stream.dial(limits.dial)
            reader = PageReader(limits)
            request = request_for(door, self._user_agent)
            if not door.tls:
                return await _page(stream, request, reader)
            session = TlsStream(stream, door.server_name, ("http/1.1",))
            await session.shake_hands()
            return await _page(session, request, reader)


async def _page(stream: Stream | TlsStream, request: bytes, reader: PageReader) -> Page:
    await stream.send(request)
    while data := await stream.receive():
        if reader.feed(data):
            return reader.page
    reader.end()
    return reader.page


async def _handshake(address: str, port: int, server_name: str, limits: Limits) -> Handshake:
    with Stream(address, port) as stream:
        await stream.dial(limits.dial)
        # RFC 8737 §3: this protocol and no other is offered.
        tls = TlsStream(stream, server_name, (_ACME_TLS,))
        await tls.shake_hands()
        session = tls.session
        return Handshake(
            session.selected_alpn_protocol() or "",
            session.version() or "",
            session.getpeercert(binary_form=True) or b"",
        )


async def _within(limits: Limits, place: str, seeing: Awaitable[Seen]) -> Seen:
    """What is seen in time; every failure as a `NetworkFailure` in words of ours."""
    try:
        async with asyncio.timeout(limits.total):
            return await seeing
    except TimeoutError:
        raise failures.timed_out(place, limits.total) from None
    except OSError as error:
        raise failures.broken_off(place, error) from error
    except TooLarge:
        raise failures.too_large(place, limits.header) from None
    except ValueError:  # what `ssl` says of a name that is no SNI
        raise NetworkFailure("tls", f"{place} cannot be asked for that name over TLS") from None
    except NotHttp as fault:
        raise NetworkFailure("unreachable", f"{place} does not speak HTTP as it should: {fault}") from None
