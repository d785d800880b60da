"""A user's machine: a namespace with the real ports, a DNS, a CA that comes to it, and `evercert` with one home."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

from evercert.pki.cert import CertificateView, read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Done
from tests.peers.namespaces import Namespace
from tests.peers.program import Program, installed, without_trust_overrides

__all__ = ["NAME", "Host"]

NAME = "www.example.test"

_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")
_SERVED = """
import socket, ssl, sys
address, port, name = sys.argv[1:]
context = ssl._create_unverified_context()
with socket.create_connection((address, int(port)), 5) as plain:
    tls = context.wrap_socket(plain, server_hostname=name)
    print(ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)))
"""


class Host:
    """Runs `evercert` inside *namespace*, with the same home each time."""

    def __init__(self, namespace: Namespace, home: Path) -> None:
        self.namespace = namespace
        self.home = home

    def __call__(self, *arguments: str | Path, status: int = 0, seconds: float = 60, **environ: str) -> Done:
        """The command, run to its end; it is a failure if that is not *status*."""
        try:
            ended = self.namespace.run(self._argv(arguments), env=self._env(environ), seconds=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{arguments} took more than {seconds} s: {late.stderr!r}") from late
        done = Done(ended.returncode, ended.stdout, ended.stderr)
        assert done.status == status, f"{arguments} ended with {done.status}:\n{done.out}{done.err}"
        return done

    def start(self, *arguments: str | Path, name: str = "evercert", **environ: str) -> Program:
        """The command as a process that is ended by whoever started it."""
        return self.namespace.start(self._argv(arguments), name, env=self._env(environ))

    def document(self, *arguments: str | Path) -> Any:
        """What the command tells with `--json`."""
        return json.loads(self(*arguments, "--json").out)

    def serial(self, name: str = NAME) -> str:
        return str(self.document("show", name)["current"]["serial"])

    def state(self, name: str = NAME) -> str:
        return str(self.document("show", name)["state"])

    def leaf(self, name: str = NAME) -> CertificateView:
        """What is installed in the files of the home."""
        return read_certificate(split_pem(self.live(name).read_bytes())[0])

    def served(self, name: str = NAME, *, port: int = 443, address: str = "127.0.0.1") -> CertificateView:
        """What a client is shown there that asks for *name*."""
        pem = self.namespace.run([sys.executable, "-c", _SERVED, address, str(port), name]).stdout
        return read_certificate(ssl.PEM_cert_to_DER_cert(pem))

    def live(self, name: str = NAME, file: str = "fullchain.pem") -> Path:
        return self.home / "live" / name / file

    def _argv(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [installed("evercert", "run `make setup`"), *map(str, arguments)]

    def _env(self, environ: dict[str, str]) -> dict[str, str]:
        return without_trust_overrides(EVERCERT_HOME=str(self.home), PYTHONUNBUFFERED="1", **_PROXIES) | environ
