"""acmetool, a client in Go that makes what there is as it is told that it should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from tests.peers.program import installed
from tests.strangers.client import DNS, HTTP, MAIL, Client
from tests.strangers.version import package_version

__all__ = ["Acmetool"]

_HOOK = """
case "$1" in
  challenge-dns-start) exec "{txt}" add "$2" "$4" ;;
  challenge-dns-stop) exec "{txt}" delete "$2" "$4" ;;
  *) exit 42 ;;
esac
"""


class Acmetool(Client):
    name = "acmetool"
    source = "Debian"
    challenges = (HTTP, DNS)
    unable = MappingProxyType({"revoke": "notes that it is wanted, and in version 0.2 sends nothing"})

    @classmethod
    def version(cls) -> str:
        return package_version("acmetool")

    def obtain(self, names: Sequence[str]) -> Path:
        for folder in ("state/conf", "state/desired", "hooks"):
            (self.home / folder).mkdir(parents=True)
        if self.wish.challenge == DNS:
            self.script("hooks/dns", _HOOK.format(txt=self.ca.network.txt))
        answers = {"acme-enter-email": MAIL} | dict.fromkeys(self._terms(), True)
        (self.home / "answers").write_text(json.dumps(answers))
        self._names = names
        self._want()
        self._acmetool("reconcile")
        return self._chain

    def renew(self) -> Path:
        """It renews in the last third of a life and no sooner, or in place of what its state says was revoked."""
        (self._chain.parent.resolve() / "revoked").touch()
        self._acmetool("reconcile")
        return self._chain

    @property
    def _chain(self) -> Path:
        return self.home / "state/live" / self._names[0] / "fullchain"

    def _want(self) -> None:
        ports = {"http-ports": ["127.0.0.1:80"]} if self.wish.challenge == HTTP else {}
        request = {"provider": self.ca.directory, "key": {"type": "ecdsa"}, "challenge": ports}
        target = {"satisfy": {"names": list(self._names)}, "request": request}
        (self.home / "state/desired/it").write_text(json.dumps(target))

    def _acmetool(self, *command: str) -> None:
        places = ["--state", self.home / "state", "--hooks", self.home / "hooks"]
        told = ["--batch", "--response-file", self.home / "answers"]
        self.run(installed("acmetool", "run `make peers`"), *places, *told, *command)

    def _terms(self) -> list[str]:
        """Each version of the terms is a question of its own."""
        directory = json.loads(self.ca.place.fetch(self.ca.directory, authority=self.ca.trust))
        terms = directory.get("meta", {}).get("termsOfService")
        return [f"acme-agreement:{terms}"] if terms else []
