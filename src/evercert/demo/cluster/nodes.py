"""The CA's nodes: made by `evercert ca init`, each served by `evercert ca serve`, all from one folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.demo.programs import end, first_line, start
from evercert.host.files import write_durably

__all__ = ["Nodes", "found_ca"]

_EVERCERT = (sys.executable, "-m", "evercert", "ca")

# Work is taken over after 5 s, so that nobody who watches has to wait for a minute.
_NODES = """

[nodes]
turn = "5s"
look = "1s"
"""


@dataclass
class Nodes:
    """`ports` is where each listens; *ending* ends them all."""

    folder: Path
    ports: Sequence[int]
    ending: AsyncExitStack
    _running: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, number: int) -> None:
        """Afterwards it answers."""
        listen = f"127.0.0.1:{self.ports[number]}"
        argv = [*_EVERCERT, "serve", "--dir", str(self.folder), "--listen", listen]
        log = self.folder.parent / f"node-{number + 1}.log"
        self._running[number] = process = await start(self.ending, argv, log=log)
        if not (await first_line(process)).startswith("serving"):
            raise EvercertError("unreachable", f"node {number + 1} did not start: {_last_line(log)}")

    async def kill(self, number: int) -> None:
        """Afterwards it is gone, without a chance to tidy up."""
        self._running[number].kill()
        await end(self._running[number])


async def found_ca(folder: Path, url: str, database: Secret, names: Sequence[str], http_port: int) -> None:
    """Afterwards there is a CA, whose store is in that database, and that finds those names on this machine."""
    async with AsyncExitStack() as ending:
        making = await start(ending, [*_EVERCERT, "init", "--dir", str(folder), "--url", url])
        await making.communicate()
    # The URL has a password in it: it stands in a file of its own, and the settings refer to that.
    write_durably(folder / "database.url", database.reveal(), 0o600)
    hosts = ", ".join(f'"{name}" = ["127.0.0.1"]' for name in names)
    told = f'http_port = {http_port}\nhosts = {{ {hosts} }}\nallow = ["127.0.0.1/32"]'
    settings = (folder / "ca.toml").read_text().replace("allow = []", told)
    settings = settings.replace('#database = ""', f'database = "file:{folder / "database.url"}"') + _NODES
    write_durably(folder / "ca.toml", settings.encode(), 0o600)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
