"""lego, the reference client in Go, at the distribution's version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import installed
from tests.strangers.client import DNS, HTTP, MAIL, TLS, Client
from tests.strangers.version import package_version

__all__ = ["Lego"]


class Lego(Client):
    name = "lego"
    source = "Debian"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab"})

    @classmethod
    def version(cls) -> str:
        return package_version("lego")  # itself it says "dev"

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        self._lego("run")
        return self._chain

    def renew(self) -> Path:
        # Whatever has less than ten years to live.
        self._lego("renew", "--days", "3650", "--no-random-sleep")
        return self._chain

    def revoke(self) -> None:
        self._lego("revoke", "--keep", "--reason", "4")

    @property
    def _chain(self) -> Path:
        return self.home / f"certificates/{self._names[0]}.crt"

    def _lego(self, *command: str) -> None:
        wanted = [word for name in self._names for word in ("--domains", name)]
        account = ["--accept-tos", "--email", MAIL, "--server", self.ca.directory, *self._binding()]
        place = ["--path", self.home, "--key-type", self.wish.key]
        self.run(_program(), *account, *place, *wanted, *self._challenge(), *command, **self._credentials())

    def _challenge(self) -> list[str]:
        if self.wish.challenge == HTTP:
            return ["--http", "--http.port", "127.0.0.1:80"]
        if self.wish.challenge == TLS:
            return ["--tls", "--tls.port", "127.0.0.1:443"]
        return ["--dns", "rfc2136", "--dns.resolvers", "127.0.0.1:53"]

    def _credentials(self) -> dict[str, str]:
        words = {
            "NAMESERVER": "127.0.0.1:53",
            "TSIG_ALGORITHM": "hmac-sha256.",
            "TSIG_KEY": "hmac-sha256",
            "TSIG_SECRET": self.ca.network.dns.secret,
            # It waits between two records; a minute, when it is not told.
            "SEQUENCE_INTERVAL": "1",
            "POLLING_INTERVAL": "1",
            "TTL": "1",
        }
        return {f"RFC2136_{word}": value for word, value in words.items()}

    def _binding(self) -> list[str]:
        eab = self.ca.eab
        return ["--eab", "--kid", eab.key_id, "--hmac", eab.mac_key] if eab else []


def _program() -> str:
    return installed("lego", "run `make peers`")
