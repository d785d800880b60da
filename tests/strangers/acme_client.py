"""acme-client, the library for Node.js, in a program such as its documentation has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import ROOT, PeerFailure, installed
from tests.strangers.client import DNS, HTTP, TLS, Client
from tests.strangers.version import said_version

__all__ = ["AcmeClient"]

_PROGRAM = Path(__file__).with_name("acme_client_program.cjs")


class AcmeClient(Client):
    name = "acme-client"
    source = "npm"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab"})

    @classmethod
    def version(cls) -> str:
        return said_version(_node(), "-p", f"require({str(_modules() / 'acme-client/package.json')!r}).version")

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        return self.renew()

    def renew(self) -> Path:
        """It orders anew, with the account that it has."""
        eab = {"kid": self.ca.eab.key_id, "hmacKey": self.ca.eab.mac_key} if self.ca.eab else None
        txt = str(self.ca.network.txt)
        self._program("obtain", challenge=self.wish.challenge, txt=txt, eab=eab, names=list(self._names))
        return self.home / "it.pem"

    def revoke(self) -> None:
        self._program("revoke")

    def _program(self, verb: str, **more: object) -> None:
        wish = {"home": str(self.home), "directory": self.ca.directory, **more}
        self.run(_node(), _PROGRAM, verb, json.dumps(wish), NODE_PATH=str(_modules()))


def _node() -> str:
    return installed("node", "run `make peers`")


def _modules() -> Path:
    modules = ROOT / ".tools/npm/node_modules"
    if not modules.exists():
        raise PeerFailure("acme-client is not installed; run `make peers`")
    return modules
