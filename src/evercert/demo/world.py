"""The demonstration's world: a CA of Evercert's own and a TLS server, each a program of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.demo.ports import free_ports
from evercert.demo.programs import first_line, start
from evercert.host.files import write_durably
from evercert.pki.cert import self_signed_server

__all__ = ["NAME", "World", "open_world"]

NAME = "www.demo.example"

_PROFILE = """

[profiles.default]
description = "short-lived, for the demonstration"
life = "{life}s"
backdate = "1s"
"""


@dataclass(frozen=True, slots=True)
class World:
    """What stands ready: where the CA is, where it looks, and where the TLS server is."""

    directory: str
    roots: Path
    http_port: int
    server_port: int
    server_pid: int
    server_folder: Path


@asynccontextmanager
async def open_world(folder: Path, life: int) -> AsyncIterator[World]:
    """A CA whose certificates live *life* seconds, and a TLS server with a placeholder certificate.

    All of it ends, by its process id, when this is left.
    """
    certificate, key = self_signed_server(parse_identifiers(("localhost", "127.0.0.1")), SystemClock().now())
    live = _placeholder_folder(folder)
    write_durably(live / "fullchain.pem", certificate.encode(), 0o644)
    write_durably(live / "privkey.pem", key.reveal(), 0o600)
    async with AsyncExitStack() as ending:
        server = await start(
            ending,
            [sys.executable, "-m", "evercert.demo.server", str(live / "fullchain.pem"), str(live / "privkey.pem")],
        )
        server_port = int(await first_line(server))
        acme_port, http_port = free_ports(2)
        await _start_ca(ending, folder / "ca", acme_port, http_port, life)
        directory = f"https://127.0.0.1:{acme_port}/acme/directory"
        yield World(directory, folder / "ca" / "root.pem", http_port, server_port, server.pid, folder / "server")


def _placeholder_folder(folder: Path) -> Path:
    """Where the server reads its files: a link, as an administrator would have laid it, to a placeholder."""
    (folder / "server" / "live").mkdir(mode=0o700, parents=True)
    (folder / "server" / "placeholder").mkdir(mode=0o700)
    live = folder / "server" / "live" / NAME
    live.symlink_to("../placeholder")
    return live


async def _start_ca(ending: AsyncExitStack, folder: Path, acme_port: int, http_port: int, life: int) -> None:
    """Afterwards it answers: made and served by the same two commands as any other CA."""
    evercert = [sys.executable, "-m", "evercert", "ca"]
    place, url = f"127.0.0.1:{acme_port}", f"https://127.0.0.1:{acme_port}"
    made = await start(ending, [*evercert, "init", "--dir", str(folder), "--url", url, "--listen", place])
    await made.communicate()
    settings = (folder / "ca.toml").read_text()
    told = f'http_port = {http_port}\nhosts = {{ "{NAME}" = ["127.0.0.1"] }}\nallow = ["127.0.0.1/32"]'
    settings = settings.replace("allow = []", told) + _PROFILE.format(life=life)
    write_durably(folder / "ca.toml", settings.encode(), 0o600)
    serving = await start(ending, [*evercert, "serve", "--dir", str(folder)])
    if not (await first_line(serving)).startswith("serving"):
        raise EvercertError("unreachable", "the demonstration's CA did not start")
