"""Traefik as a client: a reverse proxy that gets the certificates of its own routes, by way of the lego library."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.peers.program import Program, installed
from tests.strangers.client import DNS, HTTP, MAIL, TLS, Client
from tests.strangers.version import said_version

__all__ = ["Traefik"]

_KEYS = {"ec256": "EC256", "ec384": "EC384", "rsa2048": "RSA2048"}

# It begins to renew in a part of the life that it is told: for a year, four months before the end, which is all of
# a shorter one.
_QUARTER, _YEAR = 90 * 24, 365 * 24


class Traefik(Client):
    name = "Traefik"
    source = "PyPI"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab", "profile"})
    unable = MappingProxyType({"revoke": "has no word for it"})

    @classmethod
    def version(cls) -> str:
        return said_version(_program(), "version")

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        self._running = self._serve(_QUARTER)
        self._running.wait_until(lambda: self._pem() != b"", "having a certificate", patience=20)
        return self._chain()

    def renew(self) -> Path:
        first = self._pem()
        self._running.end()
        self._running = self._serve(_YEAR)
        self._running.wait_until(lambda: self._pem() not in (b"", first), "having another one", patience=20)
        return self._chain()

    def _chain(self) -> Path:
        chain = self.home / "it.pem"
        chain.write_bytes(self._pem())
        return chain

    def _pem(self) -> bytes:
        """What its store has, which it writes in place."""
        store = self.home / "acme.json"
        try:
            kept = json.loads(store.read_text())["it"]["Certificates"] or []
        except (OSError, ValueError, KeyError):
            return b""
        return b64decode(kept[0]["certificate"]) if kept else b""

    def _serve(self, hours: int) -> Program:
        static, dynamic = self.home / "static.yml", self.home / "dynamic.yml"
        dynamic.write_text(json.dumps(self._routes()))
        static.write_text(json.dumps(self._settings(hours, dynamic)))
        credentials = {
            "RFC2136_NAMESERVER": "127.0.0.1:53",
            "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
            "RFC2136_TSIG_KEY": "hmac-sha256",
            "RFC2136_TSIG_SECRET": self.ca.network.dns.secret,
            "RFC2136_POLLING_INTERVAL": "1",
            "RFC2136_SEQUENCE_INTERVAL": "1",
            "RFC2136_TTL": "1",
        }
        return self.start([_program(), f"--configFile={static}"], "traefik", 443, **credentials)

    def _settings(self, hours: int, dynamic: Path) -> dict[str, Any]:
        challenges = {
            HTTP: {"httpChallenge": {"entryPoint": "web"}},
            TLS: {"tlsChallenge": {}},
            DNS: {"dnsChallenge": {"provider": "rfc2136", "resolvers": ["127.0.0.1:53"]}},
        }
        acme = {
            "caServer": self.ca.directory,
            "caCertificates": [str(self.ca.trust)],
            "email": MAIL,
            "storage": str(self.home / "acme.json"),
            "keyType": _KEYS[self.wish.key],
            "certificatesDuration": hours,
            **challenges[self.wish.challenge],
        }
        if self.wish.profile:
            acme["profile"] = self.wish.profile
        if self.ca.eab:
            acme["eab"] = {"kid": self.ca.eab.key_id, "hmacEncoded": self.ca.eab.mac_key}
        return {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "DEBUG"},
            "entryPoints": {"web": {"address": "127.0.0.1:80"}, "websecure": {"address": "127.0.0.1:443"}},
            "providers": {"file": {"filename": str(dynamic)}},
            "certificatesResolvers": {"it": {"acme": acme}},
        }

    def _routes(self) -> dict[str, Any]:
        main, *more = self._names
        router = {
            "rule": f"Host(`{main}`)",
            "entryPoints": ["websecure"],
            "service": "nobody",
            "tls": {"certResolver": "it", "domains": [{"main": main, "sans": more}]},
        }
        nobody = {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:9"}]}}
        return {"http": {"routers": {"it": router}, "services": {"nobody": nobody}}}


def _program() -> str:
    return installed("traefik", "run `make setup`")
