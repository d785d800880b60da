"""Caddy as a client: a web server that gets the certificates of its own sites."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.peers.program import Program, installed
from tests.strangers.client import HTTP, MAIL, TLS, Client
from tests.strangers.version import said_version

__all__ = ["Caddy", "DebianCaddy"]

_KEYS = {"ec256": "p256", "ec384": "p384", "rsa2048": "rsa2048"}


class Caddy(Client):
    name = "Caddy"
    source = "PyPI"
    challenges = (HTTP, TLS)  # DNS comes with modules that are built in
    beyond = frozenset({"eab", "profile", "ip"})
    unable = MappingProxyType({"revoke": "has no word for it"})
    one_name = True

    @classmethod
    def version(cls) -> str:
        return said_version(cls._program(), "version")

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        self._running = self._serve(renewal_window=1 / 3)
        self._running.wait_until(self._has_chain, "having a certificate", patience=20)
        return self._chain()

    def renew(self) -> Path:
        first = self._chain().read_bytes()
        self._running.end()
        self._running = self._serve(renewal_window=1.0)
        self._running.wait_until(lambda: self._chain().read_bytes() != first, "having another one", patience=20)
        return self._chain()

    @classmethod
    def _program(cls) -> str:
        return installed("caddy", "run `make setup`")

    def _chain(self) -> Path:
        return next(self.home.glob(f"data/certificates/*/{self._names[0]}/*.crt"))

    def _has_chain(self) -> bool:
        return any(self.home.glob(f"data/certificates/*/{self._names[0]}/*.crt"))

    def _serve(self, renewal_window: float) -> Program:
        file = self.home / "caddy.json"
        file.write_text(json.dumps(self._config(renewal_window)))
        return self.start([self._program(), "run", "--config", file], "caddy", 443)

    def _config(self, renewal_window: float) -> dict[str, Any]:
        site = {
            "match": [{"host": list(self._names)}],
            "handle": [{"handler": "static_response", "body": "caddy"}],
        }
        policy = {
            "subjects": list(self._names),
            "issuers": [self._issuer()],
            "key_type": _KEYS[self.wish.key],
            "renewal_window_ratio": renewal_window,
        }
        return {
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.home / "data")},
            "apps": {
                "http": {"servers": {"it": {"listen": ["127.0.0.1:443"], "routes": [site]}}},
                "tls": {"automation": {"policies": [policy]}},
            },
        }

    def _issuer(self) -> dict[str, Any]:
        others = {"http": TLS, "tls-alpn": HTTP}
        issuer: dict[str, Any] = {
            "module": "acme",
            "ca": self.ca.directory,
            "email": MAIL,
            "trusted_roots_pem_files": [str(self.ca.trust)],
            "challenges": {kind: {"disabled": True} for kind, only in others.items() if self.wish.challenge == only},
        }
        if self.wish.profile:
            issuer["profile"] = self.wish.profile
        if self.ca.eab:
            issuer["external_account"] = dict(self.ca.eab._asdict())
        return issuer


class DebianCaddy(Caddy):
    source = "Debian"
    beyond = frozenset({"eab", "ip"})

    @classmethod
    def _program(cls) -> str:
        return "/usr/bin/caddy"
