"""A nonce of one node at another: taken there, and then nowhere again."""

from __future__ import annotations

from pathlib import Path

from evercert.acme.client import AsyncClient
from evercert.acme.exchange import fresh_nonce
from evercert.acme.jose import CONTENT_TYPE, sign
from evercert.base.clock import SystemClock
from evercert.base.message import Request
from evercert.demo.cluster.front import Front
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.keys import KeyType, generate

__all__ = ["answers_to_a_nonce"]


async def answers_to_a_nonce(front: Front, ports: tuple[int, int], directory: str, roots: Path) -> tuple[int, int]:
    """The statuses of one request with a nonce of the first node: at the second node, and then again at the first."""
    key, made_by, asked = generate(KeyType.EC256), ports[0], ports[1]
    front.only = made_by
    transport = _transport(roots)
    client = AsyncClient(directory, key, transport, SystemClock())
    try:
        url = (await client.new_account([], terms_agreed=True)).url
        nonce = await client.drive(fresh_nonce(client.session))
    finally:
        await transport.close()
    body = sign(key, url=url, nonce=nonce, payload=None, kid=url)
    request = Request("POST", url, {"content-type": CONTENT_TYPE}, body)
    return await _status(front, asked, request, roots), await _status(front, made_by, request, roots)


async def _status(front: Front, port: int, request: Request, roots: Path) -> int:
    front.only = port
    transport = _transport(roots)
    try:
        return (await transport.send(request)).status
    finally:
        await transport.close()
        front.only = None


def _transport(roots: Path) -> HttpTransport:
    return HttpTransport(HttpSettings(roots=roots, use_system_roots=False), SystemClock())
