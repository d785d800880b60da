"""What a TLS server serves, seen by a handshake with each of its addresses.

Nothing is trusted and nothing is sent: the certificate is taken as it comes, whoever signed it,
because whether it is the right one is the caller's question.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.foreign import one_line
from evercert.net import failures

__all__ = ["Served", "probe"]

# More addresses than any name has that is not meant to tire us.
_MAX_ADDRESSES = 32


@dataclass(frozen=True, slots=True)
class Served:
    """What one address served; `leaf_der` is empty where `error` says why."""

    address: str
    leaf_der: bytes = b""
    version: str = ""
    alpn: str = ""
    error: EvercertError | None = None


async def probe(
    host: str, port: int, server_name: str, *, timeout: float = 10.0, addresses: Sequence[str] = ()
) -> list[Served]:
    """One handshake with each address of *host* (or each of *addresses*), side by side, in at most
    *timeout* seconds. A fault of an address is in its `error`. Raises `dns` where *host* has no address.

    *server_name* is the SNI; where it is empty none is sent.
    """
    wanted = list(dict.fromkeys(addresses)) or await _addresses(host, port, timeout)
    return await asyncio.gather(
        *(_handshake(address, port, server_name, timeout) for address in wanted[:_MAX_ADDRESSES])
    )


async def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """Every address of the host, as this machine's own resolver (and its hosts file) says."""
    name = host.strip("[]")
    try:
        async with asyncio.timeout(timeout):
            found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise EvercertError("dns", f"{one_line(name)} has no address that this machine can find") from error
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


async def _handshake(address: str, port: int, server_name: str, timeout: float) -> Served:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        async with asyncio.timeout(timeout):
            return await _served(address, port, server_name, place)
    except NetworkFailure as failure:
        return Served(address, error=failure)
    except TimeoutError:
        return Served(address, error=failures.timed_out(place, timeout))
    except OSError as error:
        return Served(address, error=failures.refused(place, error))
    except ValueError:  # from `ipaddress`
        return Served(address, error=failures.refused(place, "that is no address"))


async def _served(address: str, port: int, server_name: str, place: str) -> Served:
    connection = await _connected(address, port)
    try:
        # The loop closes the socket with the transport, but not where no transport came about.
        _, writer = await asyncio.open_connection(sock=connection, ssl=_context(), server_hostname=server_name)
    except (OSError, ValueError, TypeError) as error:  # a name that is no SNI is one of the latter two
        connection.close()
        raise failures.tls_failed(place, error) from error
    except asyncio.CancelledError:
        connection.close()
        raise
    session = writer.get_extra_info("ssl_object")
    served = Served(
        address,
        leaf_der=session.getpeercert(binary_form=True) or b"",
        version=session.version() or "",
        alpn=session.selected_alpn_protocol() or "",
    )
    writer.transport.abort()
    return served


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(address.partition("%")[0]).version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A weak key or signature is for the caller to see, not a reason to see nothing.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
