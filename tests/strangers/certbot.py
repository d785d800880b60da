"""certbot, the reference client in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import installed
from tests.strangers.client import DNS, HTTP, MAIL, Client, is_address
from tests.strangers.version import said_version

__all__ = ["Certbot"]

_KEYS = {
    "ec256": ("ecdsa", "--elliptic-curve", "secp256r1"),
    "ec384": ("ecdsa", "--elliptic-curve", "secp384r1"),
    "rsa2048": ("rsa",),
}


class Certbot(Client):
    name = "certbot"
    source = "PyPI"
    challenges = (HTTP, DNS)
    beyond = frozenset({"eab", "profile", "ari", "ip"})

    @classmethod
    def version(cls) -> str:
        return said_version(_program(), "--version")

    def obtain(self, names: Sequence[str]) -> Path:
        account = ["--agree-tos", "-m", MAIL, "--no-eff-email", *self._binding()]
        wanted = ["--cert-name", "it", "--key-type", *_KEYS[self.wish.key], *self._profile()]
        self._certbot("certonly", *account, *wanted, *self._challenge(), *_named(names))
        return self._chain

    def renew(self) -> Path:
        # Without a terminal `renew` waits for up to eight minutes, so that not all the world renews at noon.
        self._certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")
        return self._chain

    def renew_when_told(self) -> Path:
        """What a timer runs: it asks the CA whether it is time."""
        self._certbot("renew", "--no-random-sleep-on-renew")
        return self._chain

    def revoke(self) -> None:
        self._certbot("revoke", "--cert-name", "it", "--reason", "superseded", "--no-delete-after-revoke")

    @property
    def _chain(self) -> Path:
        return self.home / "c/live/it/fullchain.pem"

    def _certbot(self, *arguments: str) -> None:
        folders = ["--config-dir", self.home / "c", "--work-dir", self.home / "w", "--logs-dir", self.home / "l"]
        self.run(_program(), *arguments, "--server", self.ca.directory, "--non-interactive", *folders)

    def _challenge(self) -> list[str]:
        if self.wish.challenge == HTTP:
            return ["--standalone", "--http-01-address", "127.0.0.1"]
        credentials = self.home / "rfc2136.ini"
        credentials.touch(0o600)
        words = {"server": "127.0.0.1", "name": "hmac-sha256", "secret": self.ca.network.dns.secret}
        lines = [f"dns_rfc2136_{word} = {value}\n" for word, value in (words | {"algorithm": "HMAC-SHA256"}).items()]
        credentials.write_text("".join(lines))
        seconds = ["--dns-rfc2136-propagation-seconds", "0"]
        return ["--dns-rfc2136", "--dns-rfc2136-credentials", str(credentials), *seconds]

    def _binding(self) -> list[str]:
        eab = self.ca.eab
        return ["--eab-kid", eab.key_id, "--eab-hmac-key", eab.mac_key] if eab else []

    def _profile(self) -> list[str]:
        return ["--required-profile", self.wish.profile] if self.wish.profile else []


def _program() -> str:
    return installed("certbot", "run `make peers`")


def _named(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--ip-address" if is_address(name) else "-d", name)]
