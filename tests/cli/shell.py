"""Evercert as a person or a script runs it: a process of its own, with a home of its own and no terminal."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.pebble import Pebble
from tests.peers.program import Program, installed, without_trust_overrides

__all__ = ["Done", "Shell"]

_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """What a command printed that has a document in each line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def hint(self) -> str:
        """The first hint on standard error."""
        return next(line.partition("hint: ")[2] for line in self.err.splitlines() if line.startswith("evercert: hint:"))


class Shell:
    """Runs `evercert` with the same home each time; `at` are the options that lead to its CA and prove by HTTP."""

    def __init__(self, home: Path, pebble: Pebble) -> None:
        self.home = home
        self.pebble = pebble
        self.at = [*self.to_ca, "--http-port", str(pebble.http_port)]

    @property
    def to_ca(self) -> list[str]:
        return ["--ca", self.pebble.directory, "--ca-roots", str(self.pebble.authority)]

    def environment(self, **more: str) -> dict[str, str]:
        ours = {"EVERCERT_HOME": str(self.home), "EVERCERT_RESOLVERS": self.pebble.dns_address, "COLUMNS": "200"}
        return without_trust_overrides(**_PROXIES, **ours) | more

    def __call__(self, *arguments: str | Path, **environ: str) -> Done:
        argv = [installed("evercert", "run `make setup`"), *map(str, arguments)]
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment(**environ),
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, log: Path) -> Program:
        """The command as a process that stays."""
        argv = [installed("evercert", "run `make setup`"), *arguments]
        return Program(argv, log, env=self.environment(PYTHONUNBUFFERED="1"))

    def obtained(self, name: str, *options: str | Path) -> Done:
        """`obtain` of that name, which must succeed."""
        done = self("obtain", name, *self.at, *options)
        assert done.status == 0, done.err
        return done

    def serial(self, name: str) -> str:
        """The serial of the certificate that is current."""
        return str(self("show", name, "--json").document["current"]["serial"])

    def live(self, name: str, file: str = "fullchain.pem") -> Path:
        return self.home / "live" / name / file
