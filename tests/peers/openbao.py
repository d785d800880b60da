"""OpenBao 2.7 as an ACME CA (its PKI engine), inside a namespace with the real ports 80 and 443.

Facts that a test must know: the directory is plain http, so a client must be told that this is allowed; there is no
ARI; three directories are given: the mount's own, and one for the role `web`, which caps lives at 24 hours; http-01,
tls-alpn-01 and dns-01 are validated on the real ports with the resolver that was configured. Everything is in memory.
"""

from __future__ import annotations

import json
import subprocess
from functools import partial
from types import TracebackType
from typing import Self

from tests.peers.namespaces import Namespace
from tests.peers.ports import free_port
from tests.peers.program import installed, without_trust_overrides

__all__ = ["OpenBao"]

# Without these the PKI engine answers without a nonce, a Location or a Link, and no ACME client gets anywhere.
_ACME_HEADERS = ("Last-Modified", "Location", "Replay-Nonce", "Link")


class OpenBao:
    """A running OpenBao with a root CA. `directory` is the mount's, `role_directory` the one of the role `web`."""

    def __init__(self, place: Namespace, resolver: str = "127.0.0.1:53") -> None:
        port = free_port()
        self._place = place
        self._bao = installed("bao", "run `make setup`")
        self.base = f"http://127.0.0.1:{port}"
        self.directory = f"{self.base}/v1/pki/acme/directory"
        self.role_directory = f"{self.base}/v1/pki/roles/web/acme/directory"
        home = str(place.folder)
        self._env = without_trust_overrides(BAO_ADDR=self.base, BAO_TOKEN="root", HOME=home)
        argv = [self._bao, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root"]
        self._program = place.start([*argv, f"-dev-listen-address=127.0.0.1:{port}"], "openbao", env=self._env)
        self._program.wait_until(partial(place.accepts, port), "listening")
        self._program.wait_until(self._is_unsealed, "being unsealed")
        self._make_ca(resolver)

    def root(self) -> str:
        """PEM of the root that issues."""
        return self._place.fetch(f"{self.base}/v1/pki/ca/pem").decode()

    def is_revoked(self, serial: str) -> bool:
        """What the CA holds true of a certificate, by its serial in hex."""
        octets = serial.zfill(len(serial) + len(serial) % 2)
        colons = ":".join(octets[at : at + 2] for at in range(0, len(octets), 2))
        read = json.loads(self._run("read", "-format=json", f"pki/cert/{colons}").stdout)
        return bool(read["data"]["revocation_time"])

    def log(self) -> str:
        return self._program.text()

    def end(self) -> None:
        self._program.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _make_ca(self, resolver: str) -> None:
        allowed = [f"-allowed-response-headers={name}" for name in _ACME_HEADERS]
        address = f"{self.base}/v1/pki"
        for command in (
            ["secrets", "enable", "pki"],
            [
                "secrets",
                "tune",
                "-max-lease-ttl=8760h",
                "-passthrough-request-headers=If-Modified-Since",
                *allowed,
                "pki",
            ],
            ["write", "pki/root/generate/internal", "common_name=OpenBao test root", "ttl=8760h", "key_type=ec"],
            ["write", "pki/config/cluster", f"path={address}", f"aia_path={address}"],
            ["write", "pki/roles/web", "allow_any_name=true", "max_ttl=24h", "key_type=any", "no_store=false"],
            ["write", "pki/config/acme", "enabled=true", "allowed_roles=*", f"dns_resolver={resolver}"],
        ):
            self._run(*command)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._place.run([self._bao, *arguments], env=self._env, seconds=30)

    def _is_unsealed(self) -> bool:
        return self._place.answers(f"{self.base}/v1/sys/health")
