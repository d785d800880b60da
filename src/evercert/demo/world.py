"""The demonstration's world: a CA, the DNS that it asks, and a TLS server, each a program of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.demo.ports import free_ports
from evercert.host.files import write_durably
from evercert.pki.cert import self_signed_server

__all__ = ["NAME", "World", "open_world"]

NAME = "www.demo.example"

_HINT = "`make demo` installs it; or name its folder with --tools"


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
async def open_world(folder: Path, tools: Path | None, life: int) -> AsyncIterator[World]:
    """A CA whose certificates live *life* seconds, and a TLS server with a placeholder certificate.

    All of it ends, by its process id, when this is left.
    """
    certificate, key = self_signed_server(parse_identifiers(("localhost", "127.0.0.1")), SystemClock().now())
    live = _placeholder_folder(folder)
    listener, listener_key = folder / "ca-listener.pem", folder / "ca-listener-key.pem"
    for path in (listener, live / "fullchain.pem"):
        write_durably(path, certificate.encode(), 0o644)
    for path in (listener_key, live / "privkey.pem"):
        write_durably(path, key.reveal(), 0o600)
    async with AsyncExitStack() as ending:
        server = await _start(
            ending,
            [sys.executable, "-m", "evercert.demo.server", str(live / "fullchain.pem"), str(live / "privkey.pem")],
        )
        server_port = int(await _first_line(server))
        directory, http_port = await _start_ca(ending, folder, tools, listener, listener_key, life)
        yield World(directory, listener, http_port, server_port, server.pid, folder / "server")


def _placeholder_folder(folder: Path) -> Path:
    """Where the server reads its files: a link, as an administrator would have laid it, to a placeholder."""
    (folder / "server" / "live").mkdir(mode=0o700, parents=True)
    (folder / "server" / "placeholder").mkdir(mode=0o700)
    live = folder / "server" / "live" / NAME
    live.symlink_to("../placeholder")
    return live


async def _start_ca(
    ending: AsyncExitStack, folder: Path, tools: Path | None, listener: Path, listener_key: Path, life: int
) -> tuple[str, int]:
    acme, management, http, dns, dns_management = free_ports(5)
    config = {
        "listenAddress": f"127.0.0.1:{acme}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(listener),
        "privateKey": str(listener_key),
        "httpPort": http,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "profiles": {"default": {"description": "short-lived", "validityPeriod": life}},
    }
    path = folder / "pebble.json"
    path.write_text(json.dumps({"pebble": config}))
    challtestsrv = [
        *(_program("pebble-challtestsrv", tools), "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""),
        *("-dnsserver", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}"),
        *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
    ]
    await _start(ending, challtestsrv)
    pebble = [_program("pebble", tools), "-config", str(path), "-dnsserver", f"127.0.0.1:{dns}"]
    await _start(ending, pebble, env={"PEBBLE_VA_NOSLEEP": "1"})
    await _answering(acme)
    return f"https://127.0.0.1:{acme}/dir", http


def _program(name: str, tools: Path | None) -> str:
    found = shutil.which(name, path=str(tools) if tools else None)
    if found is None:
        raise EvercertError("not-found", f"the demonstration needs the program {name}", hint=_HINT)
    return found


async def _start(
    ending: AsyncExitStack, argv: Sequence[str], env: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    """A program that is ended when *ending* is."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=env,
    )
    ending.push_async_callback(_end, process)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.communicate()


async def _first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101  # it was started with a pipe
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode()


async def _answering(port: int) -> None:
    """Wait until something listens on the port; a program that does not start is an error, not a wait without end."""
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise EvercertError("unreachable", "the demonstration's CA did not start")
