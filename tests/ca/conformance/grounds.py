"""The two grounds: Pebble as a process, and our CA in memory. Both with terms, both again where an account has to be
bound to an external one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evercert.acme.jose import unb64url
from evercert.base.clock import SystemClock
from evercert.base.message import Request, Transport
from evercert.base.secret import Secret
from evercert.ca.rules import Rules
from evercert.ca.store import eab
from evercert.ca.store.eab import ExternalKey
from evercert.net.http import HttpSettings, HttpTransport
from tests.ca.conformance.ground import Ground
from tests.ca.given import BASE, a_ca
from tests.peers.pebble import Pebble, PebbleConfig

__all__ = ["EAB", "our_ground", "pebbles_ground"]

# A key identifier, and the key as it is handed out.
EAB = ("kid-1", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA")


@asynccontextmanager
async def our_ground(folder: Path, *, external: bool = False) -> AsyncIterator[Ground]:
    rules = Rules(terms=f"{BASE}/terms", eab_required=external)
    async with a_ca(folder, rules=rules) as world:
        desk = world.node.desk
        key = ExternalKey(EAB[0], ("HS256",), "", True, False, "", (), world.clock.now())
        await desk.db.write(eab.added(key, Secret(unb64url(EAB[1])), desk.sealer))

        async def pause() -> None:
            world.clock.advance(1)

        directory = await directory_at(world.transport, f"{BASE}/acme/directory")
        yield Ground(world.transport, directory, world.serve, pause, world.clock.now(), EAB)


@asynccontextmanager
async def pebbles_ground(folder: Path, *, external: bool = False) -> AsyncIterator[Ground]:
    keys = dict([EAB]) if external else {}
    folder.mkdir()
    config = PebbleConfig(always_valid=True, nonce_reject=0, eab_keys=keys)
    with Pebble(folder, config) as pebble:
        settings = HttpSettings(roots=pebble.authority, use_system_roots=False)
        transport = HttpTransport(settings, SystemClock())
        try:
            directory = await directory_at(transport, pebble.directory)
            now = SystemClock().now()
            yield Ground(transport, directory, lambda name, token, key: None, lambda: asyncio.sleep(0.01), now, EAB)
        finally:
            await transport.close()


async def directory_at(transport: Transport, url: str) -> dict[str, object]:
    return {**json.loads((await transport.send(Request("GET", url))).body), "directory": url}
