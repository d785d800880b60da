"""uacme, a client in C over libcurl and GnuTLS, which trusts the machine's own roots and no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import installed
from tests.strangers.client import DNS, HTTP, MAIL, TLS, Client
from tests.strangers.version import said_version

__all__ = ["Uacme"]

_KEYS = {"ec256": ("EC", "256"), "ec384": ("EC", "384"), "rsa2048": ("RSA", "2048")}

_TXT = """
[ "$2" = dns-01 ] || exit 1
case "$1" in
  begin) exec "{txt}" add "$3" "$5" ;;
  *) exec "{txt}" delete "$3" "$5" ;;
esac
"""


class Uacme(Client):
    name = "uacme"
    source = "Debian"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab", "ip"})

    @classmethod
    def version(cls) -> str:
        return said_version(_program(), "--version")

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        self._hook, self._environment = self._responder()
        self._uacme("new", MAIL, binding=self._binding())
        self._uacme("issue", *names)
        return self._chain

    def renew(self) -> Path:
        self._uacme("--force", "issue", *self._names)
        return self._chain

    def revoke(self) -> None:
        self._uacme("--reason", "4", "revoke", self._chain)

    @property
    def _chain(self) -> Path:
        return self.home / self._names[0] / "cert.pem"

    def _uacme(self, *command: str | Path, binding: Sequence[str] = ()) -> None:
        kind, bits = _KEYS[self.wish.key]
        options = ["--acme-url", self.ca.directory, "--confdir", self.home, "--type", kind, "--bits", bits, "--yes"]
        self.run(_program(), *options, *binding, "--hook", self._hook, *command, **self._environment)

    def _responder(self) -> tuple[str | Path, dict[str, str]]:
        """The hook program, and what it reads of the environment."""
        if self.wish.challenge == DNS:
            return self.script("hook", _TXT.format(txt=self.ca.network.txt)), {}
        if self.wish.challenge == HTTP:
            answers = self.serve(self.home / "www")
            return "/usr/share/uacme/uacme.sh", {"UACME_CHALLENGE_PATH": str(answers)}
        return self._ualpn(), {}

    def _ualpn(self) -> Path:
        """Its own server for tls-alpn-01, which is told by its hook through a socket of its name."""
        ualpn, socket = installed("ualpn", "run `make peers`"), self.home / "ualpn.sock"
        files = ["--sock", socket, "--pidfile", self.home / "ualpn.pid"]
        # What speaks no `acme-tls/1` is handed on; there is nobody.
        self.start([ualpn, "--bind", "127.0.0.1@443", "--connect", "127.0.0.1@9", *files], "ualpn", 443)
        words = 'begin) word="auth $3 $5" ;; *) word="unauth $3" ;;'
        answer = f'[ "$(echo "$word" | {ualpn} --sock {socket})" = OK ]\n'
        return self.script("hook", f'[ "$2" = tls-alpn-01 ] || exit 1\ncase "$1" in {words} esac\n{answer}')

    def _binding(self) -> list[str]:
        return ["--eab", ":".join(self.ca.eab)] if self.ca.eab else []


def _program() -> str:
    return installed("uacme", "run `make peers`")
