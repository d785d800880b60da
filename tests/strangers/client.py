"""What every client of this room can be asked, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import ClassVar, Final, Self

from tests.peers.nginx import Nginx
from tests.peers.program import ROOT, Program
from tests.peers.stock import served_folder
from tests.strangers.ca import CaUnderTest

__all__ = ["BEYOND", "DNS", "HTTP", "MAIL", "TLS", "Client", "Wish", "is_address"]

HTTP: Final = "http-01"
DNS: Final = "dns-01"
TLS: Final = "tls-alpn-01"
MAIL: Final = "stranger@example.test"

BEYOND: Final = ("eab", "profile", "ari", "ip")
"""What not every client knows: external accounts, profiles, renewal information, IP addresses."""


@dataclass(frozen=True)
class Wish:
    """What is wanted beside names; not every client knows every word of it."""

    challenge: str = HTTP
    key: str = "ec256"
    """ec256, ec384 or rsa2048."""
    profile: str = ""


class Client(ABC):
    """A client with a home of its own that wants one certificate. Leaving the `with` ends what it started."""

    name: ClassVar[str]
    source: ClassVar[str]
    """Where its users get it: Debian, PyPI, npm."""
    challenges: ClassVar[tuple[str, ...]]
    unable: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Which of `renew` and `revoke` it has no way to, and why."""
    one_name: ClassVar[bool] = False
    """It orders each name alone."""
    beyond: ClassVar[frozenset[str]] = frozenset()
    """Which of `BEYOND` it knows."""

    def __init__(self, ca: CaUnderTest, home: Path, wish: Wish = Wish()) -> None:
        self.ca, self.home, self.wish = ca, home, wish
        served_folder(home)
        self._started = ExitStack()

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """As it tells it itself, or its package does."""

    @abstractmethod
    def obtain(self, names: Sequence[str]) -> Path:
        """The chain (PEM, leaf first), once it is there."""

    def renew(self) -> Path:
        """The chain, once it is another one."""
        raise AssertionError(self.unable["renew"])

    def renew_when_told(self) -> Path:
        """The same as `renew`, but because the CA's renewal information says that it is time."""
        raise AssertionError(f"{self.name} does not ask")

    def revoke(self) -> None:
        """The newest certificate is revoked when this returns."""
        raise AssertionError(self.unable["revoke"])

    def run(self, *argv: str | Path, status: Sequence[int] = (0,), **more: str) -> str:
        """What a program prints, run beside the CA until it ends; a failure if that is not one of *status*."""
        done = self.ca.place.run(argv, env=self.ca.environment(HOME=str(self.home), **more), check=False)
        assert done.returncode in status, (
            f"{Path(argv[0]).name} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}"
        )
        return done.stdout

    def serve(self, root: Path) -> Path:
        """From now on a web server on port 80 serves *root*; the folder in it for answers to http-01, made."""
        site = f"server {{ listen 127.0.0.1:80; listen 127.0.0.1:{{http}}; root {root}; }}"
        self._started.enter_context(Nginx(self.home / "nginx", {"challenges": site}, self.ca.place))
        answers = root / ".well-known/acme-challenge"
        answers.mkdir(parents=True)
        return answers

    def start(self, argv: Sequence[str | Path], name: str, port: int, **more: str) -> Program:
        """A program that runs beside the CA until the end, and listens on *port*."""
        environment = self.ca.environment(HOME=str(self.home), PYTHONPATH=str(ROOT), **more)
        program = self._started.enter_context(self.ca.place.start(argv, f"{self.home.name}-{name}", env=environment))
        return program.wait_until(partial(self.ca.place.accepts, port), f"listening on port {port}")

    def script(self, name: str, text: str) -> Path:
        """A program of shell words in the home."""
        path = self.home / name
        path.write_text(f"#!/bin/sh\nset -eu\n{text}")
        path.chmod(0o755)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()


def is_address(name: str) -> bool:
    """Whether it is an IP address and no domain name."""
    return ":" in name or name.replace(".", "").isdigit()
