"""dehydrated, a client in bash over curl and openssl."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import installed
from tests.strangers.client import DNS, HTTP, MAIL, TLS, Client
from tests.strangers.version import said_version

__all__ = ["Dehydrated"]

_KEYS = {"ec256": "prime256v1", "ec384": "secp384r1", "rsa2048": "rsa"}

_CONFIG = """
CA="{directory}"
BASEDIR="{home}"
WELLKNOWN="{answers}"
HOOK="{hook}"
CHALLENGETYPE="{challenge}"
KEY_ALGO="{key}"
KEYSIZE=2048
CONTACT_EMAIL={mail}
CURL_OPTS="--cacert {trust}"
EAB_KID={key_id}
EAB_HMAC_KEY={mac_key}
"""

_HOOK = """
case "$1" in
  deploy_challenge) exec "{txt}" add "$2" "$4" ;;
  clean_challenge) exec "{txt}" delete "$2" "$4" ;;
esac
"""


class Dehydrated(Client):
    name = "dehydrated"
    source = "Debian"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab"})

    @classmethod
    def version(cls) -> str:
        return said_version(_program(), "--version")

    def obtain(self, names: Sequence[str]) -> Path:
        self._configure(self._responder())
        (self.home / "domains.txt").write_text(" ".join(names) + " > it\n")
        self._dehydrated("--register", "--accept-terms")
        self._dehydrated("--cron")
        return self._chain

    def renew(self) -> Path:
        self._dehydrated("--cron", "--force")
        return self._chain

    def revoke(self) -> None:
        self._dehydrated("--revoke", str(self.home / "certs/it/cert.pem"))

    @property
    def _chain(self) -> Path:
        return self.home / "certs/it/fullchain.pem"

    def _dehydrated(self, *arguments: str) -> None:
        self.run(_program(), *arguments, "--config", self.home / "config")

    def _responder(self) -> Path:
        """Whatever its users have beside it; the folder for answers to http-01."""
        if self.wish.challenge == HTTP:
            return self.serve(self.home / "www")
        if self.wish.challenge == TLS:
            # It makes the certificates, and leaves it to a server to show them.
            made = self.home / "alpn-certs"
            made.mkdir()
            self.start([sys.executable, "-m", "tests.strangers.alpn_responder", made], "alpn", 443)
        return self.home

    def _configure(self, answers: Path) -> None:
        hook = self.script("hook", _HOOK.format(txt=self.ca.network.txt)) if self.wish.challenge == DNS else ""
        key_id, mac_key = self.ca.eab or ("", "")
        text = _CONFIG.format(
            key_id=key_id,
            mac_key=mac_key,
            directory=self.ca.directory,
            home=self.home,
            answers=answers,
            hook=hook,
            challenge=self.wish.challenge,
            key=_KEYS[self.wish.key],
            mail=MAIL,
            trust=self.ca.trust,
        )
        (self.home / "config").write_text(text)


def _program() -> str:
    return installed("dehydrated", "run `make peers`")
