"""Handshakes as any client makes them, for tests that ask what is really served."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass

from evercert.base.errors import EvercertError

__all__ = ["Shake", "leaf_at", "probe"]


@dataclass(frozen=True)
class Shake:
    address: str
    leaf_der: bytes
    error: EvercertError | None = None


def leaf_at(host: str, port: int, server_name: str) -> bytes:
    """The leaf (DER) that is served there; `OSError` where there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=server_name or None) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


async def probe(host: str, port: int, server_name: str) -> list[Shake]:
    """Keeps the contract of `deploy.proof.Probe` for one address."""
    try:
        return [Shake(host, await asyncio.to_thread(leaf_at, host, port, server_name))]
    except OSError as error:
        return [Shake(host, b"", EvercertError("unreachable", str(error)))]
