"""The clients that are measured: each told as its own users tell it, all with http-01 and EC keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.measure import Command
from tests.peers.pebble import Pebble
from tests.peers.program import ROOT, installed

__all__ = ["Certbot", "Client", "Evercert", "Lego", "LegoAtOnce"]

_MAIL = "bench@example.test"


class Client(Protocol):
    """`width` is how many of its commands run side by side."""

    name: str
    width: int

    def commands(self, orders: Sequence[Sequence[str]]) -> list[Command]:
        """What obtains one certificate for each list of names, over http-01."""
        ...


class Evercert:
    """One process for all of them."""

    name = "evercert"
    width = 1

    def __init__(self, pebble: Pebble, folder: Path) -> None:
        self._pebble, self._folder = pebble, folder
        self.home = folder / "evercert"
        # It looks for CAA records, as no peer here does, and so needs a resolver that is not far away.
        self.env = pebble.environment(EVERCERT_HOME=str(self.home), EVERCERT_RESOLVERS=pebble.dns_address)
        # Where a program is installed its modules are compiled once, as the peers' are here.
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def commands(self, orders: Sequence[Sequence[str]]) -> list[Command]:
        wanted = self._folder / "wanted"
        wanted.write_text("".join(" ".join(names) + "\n" for names in orders))
        argv = [
            *(str(ROOT / ".venv/bin/evercert"), "obtain", "--each-from", str(wanted), "--quiet"),
            *("--ca", self._pebble.directory, "--ca-roots", str(self._pebble.authority), "--contact", _MAIL),
            *("--http-01", "--http-address", "127.0.0.1", "--http-port", str(self._pebble.http_port)),
        ]
        return [Command(argv, self.env, len(orders))]


class Certbot:
    """A process for each certificate, one after the other: certbot locks its folders for as long as it runs."""

    name = "certbot"
    width = 1

    def __init__(self, pebble: Pebble, folder: Path) -> None:
        self._pebble = pebble
        self.program = installed("certbot", "run `make peers`")
        self.home = folder / "certbot"
        self.config = self.home / "c"
        self.env = pebble.environment()
        self.folders = [
            "--config-dir",
            f"{self.home}/c",
            "--work-dir",
            f"{self.home}/w",
            "--logs-dir",
            f"{self.home}/l",
        ]

    def commands(self, orders: Sequence[Sequence[str]]) -> list[Command]:
        port = str(self._pebble.http_port)
        common = [
            *(self.program, "certonly", "--non-interactive", "--agree-tos", "-m", _MAIL, "--no-eff-email"),
            *("--server", self._pebble.directory, "--standalone", "--http-01-port", port),
            *("--http-01-address", "127.0.0.1", *self.folders),
        ]
        return [Command([*common, *(word for name in names for word in ("-d", name))], self.env) for names in orders]


class Lego:
    """A process for each certificate, one after the other, each with its own listener on the one port."""

    name = "lego"
    width = 1

    def __init__(self, pebble: Pebble, folder: Path) -> None:
        self._pebble = pebble
        self._home = folder / "lego"

    def commands(self, orders: Sequence[Sequence[str]]) -> list[Command]:
        common = [
            *(installed("lego", "run `make peers`"), "--accept-tos", "--email", _MAIL, "--key-type", "ec256"),
            *("--server", self._pebble.directory, "--path", str(self._home), "--http", *self._challenge()),
        ]
        return [
            Command(
                [*common, *(word for name in names for word in ("--domains", name)), "run"], self._pebble.environment()
            )
            for names in orders
        ]

    def _challenge(self) -> tuple[str, str]:
        return "--http.port", f"127.0.0.1:{self._pebble.http_port}"


class LegoAtOnce(Lego):
    """Many processes side by side over one web server's folder: the most that a shell script gets out of it."""

    width = 32

    def __init__(self, pebble: Pebble, folder: Path, webroot: Path) -> None:
        super().__init__(pebble, folder)
        self.name = f"lego, {self.width} at once"
        self._webroot = webroot

    def _challenge(self) -> tuple[str, str]:
        return "--http.webroot", str(self._webroot)
