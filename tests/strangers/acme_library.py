"""The `acme` library, over which certbot stands, in a program such as its documentation has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import ROOT, PeerFailure
from tests.strangers.client import DNS, HTTP, Client
from tests.strangers.version import said_version

__all__ = ["AcmeLibrary"]

_PROGRAM = Path(__file__).with_name("acme_library_program.py")
_VERSION = "import importlib.metadata; print(importlib.metadata.version('acme'))"


class AcmeLibrary(Client):
    name = "acme (library)"
    source = "PyPI"
    challenges = (HTTP, DNS)
    beyond = frozenset({"eab", "profile", "ip"})

    @classmethod
    def version(cls) -> str:
        return said_version(str(_python()), "-c", _VERSION)

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        return self.renew()

    def renew(self) -> Path:
        """It orders anew, with the account that it has."""
        eab = self.ca.eab or ("", "")
        self._program("obtain", self.wish.challenge, self.ca.network.txt, self.wish.profile, *eab, *self._names)
        return self.home / "it.pem"

    def revoke(self) -> None:
        self._program("revoke")

    def _program(self, verb: str, *more: str | Path) -> None:
        self.run(_python(), _PROGRAM, verb, self.home, self.ca.directory, self.ca.trust, *more)


def _python() -> Path:
    """Of the environment in which it stands with certbot."""
    python = ROOT / ".tools/certbot/bin/python"
    if not python.exists():
        raise PeerFailure("the acme library is not installed; run `make peers`")
    return python
