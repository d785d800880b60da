"""Pebble 2.10.1: a whole ACME CA in memory, started with what a test wants of it.

Facts about it, read in its source, that a test must know:

* Everything is lost when it ends; each start has new roots. Readiness is a TCP accept; there is no health URL.
* Validity stands in `profiles` only; `certificateValidityPeriod` is read and ignored. With several profiles, an order
  that names none gets a random one ("pebble chaos"); an unknown one is `invalidProfile`.
* ARI: the window is 24 h on both sides of two thirds of the life, clipped to the life, so a certificate of less than
  three days is offered its whole life; a revoked one an hour ago; Retry-After is always 6 h; no explanation URL.
  `/set-renewal-info/` replaces the body for one certificate by any text. `replaces` is known only a moment after the
  order is valid (an unknown one is a 500 `serverInternal`), and marked as replaced when the new order is issued. One
  certificate in some 256 is never known: its serial number begins with a zero octet, which Pebble leaves out.
* The list of orders has 3 to a page (`orders_per_page`) under Link `next`, oldest first, without invalid ones.
* Finalize is always asynchronous (`processing`, then `valid`); Retry-After appears only where configured, half of the
  time in seconds, half of the time as a date. Authorization polls carry it only while a challenge is `processing`.
* A rejected nonce costs nothing else (PEBBLE_WFE_NONCEREJECT); only new-nonce and POST answers carry a nonce.
* JWS: RS256 and ES256/384/512; CSR: RSA and ECDSA only. An account's key may not be a certificate's. Two contacts at
  most.
* Validation asks three times at once and through TCP when given a DNS server; sleeps are whole seconds *below* the
  bound, so 1 means none. CAA is never looked at, `caaIdentities` only shown. Wildcards get only the DNS challenges,
  IP addresses only http-01 and tls-alpn-01. dns-persist-01 has the accountURI format of its challenge, no token.
* 2.10.1 wedges about once in some thousands of orders placed side by side: it read-locks an order twice, and nothing
  is answered any more (letsencrypt/pebble issue 554). A client then sees timeouts, and can do nothing about it. With
  `retry_after` nobody asks for an order in the moment in which it is issued, and it stays whole.
* There is no newAuthz, no rate limit, no CRL, no OCSP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError

from tests.peers.challtestsrv import Challtestsrv
from tests.peers.listener import make_listener
from tests.peers.place import Machine, Place
from tests.peers.ports import free_port
from tests.peers.program import PeerFailure, Program, installed, without_trust_overrides

__all__ = ["Pebble", "PebbleConfig"]

DAY = 86_400


@dataclass(frozen=True)
class PebbleConfig:
    """What is wanted of a Pebble. The defaults are a quick and steady CA that still rejects one nonce in twenty."""

    profiles: Mapping[str, int] = field(default_factory=lambda: {"default": 90 * DAY})
    """Name to validity in seconds."""
    eab_keys: Mapping[str, str] = field(default_factory=dict)
    """Key identifier to base64url MAC key; not empty means that accounts need one."""
    nonce_reject: int = 5
    authz_reuse: int = 0
    validation_sleep: int = 0
    """Upper bound of each validation's random sleep, in seconds; 0 and 1 are none."""
    always_valid: bool = False
    alternate_roots: int = 0
    chain_length: int = 1
    retry_after: int = 0
    orders_per_page: int = 3
    blocked: tuple[str, ...] = ()
    caa_identities: tuple[str, ...] = ("ca.test",)
    dns: str = ""
    """host:port of the DNS server that validations ask; empty starts a challtestsrv that sends every name here."""
    strict: bool = True
    http_port: int = 0
    """Where validations connect; 0 takes a free one."""
    tls_port: int = 0


class Pebble:
    """A running Pebble. `directory` is its URL, `authority` the PEM file that a client must trust to reach it."""

    def __init__(self, place: Place | Path, config: PebbleConfig | None = None) -> None:
        self._place = place = Machine(place) if isinstance(place, Path) else place
        self.config = config = config or PebbleConfig()
        self.listener = make_listener(place.folder)
        self.authority = self.listener.authority
        self.http_port = config.http_port or free_port()
        self.tls_port = config.tls_port or free_port()
        port, management = free_port(), free_port()
        self.directory = f"https://localhost:{port}/dir"
        self._management = f"https://localhost:{management}"
        self.dns = None if config.dns else Challtestsrv(place)
        self._program = self._start(self._settings(port, management))
        try:
            for listening in (port, management):
                self._program.wait_until(partial(place.accepts, listening), f"listening on port {listening}")
        except PeerFailure:
            self.end()
            raise

    @property
    def dns_address(self) -> str:
        return self.dns.address if self.dns else self.config.dns

    def environment(self, **more: str) -> dict[str, str]:
        """For any client program: it finds this Pebble's authority, whichever variable it reads."""
        ca = str(self.authority)
        trust = {"SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca, "CURL_CA_BUNDLE": ca, "LEGO_CA_CERTIFICATES": ca}
        return without_trust_overrides(**trust, **more)

    def root(self, number: int = 0) -> str:
        """PEM of the root that issues; with `alternate_roots`, numbers above 0 are the others."""
        return self._get(f"/roots/{number}").decode()

    def intermediate(self, number: int = 0) -> str:
        return self._get(f"/intermediates/{number}").decode()

    def status_of(self, serial: str) -> dict[str, Any]:
        """What the CA holds true of a certificate, by serial in hex: Status (Valid or Revoked), Reason, RevokedAt."""
        return dict(json.loads(self._get(f"/cert-status-by-serial/{serial}")))

    def is_wedged(self) -> bool:
        """Whether it has locked itself up (see above): what needs its database is not answered any more."""
        try:
            self.status_of("1")
        except HTTPError:
            return False
        except OSError:
            return True
        return False

    def suggest_window(self, certificate: str, start: datetime, end: datetime, explanation: str = "") -> None:
        """From now on ARI suggests this window for *certificate* (PEM)."""
        info = {"suggestedWindow": {"start": start.isoformat(), "end": end.isoformat()}}
        self.set_renewal_info(certificate, json.dumps(info | ({"explanationURL": explanation} if explanation else {})))

    def set_renewal_info(self, certificate: str, body: str) -> None:
        """From now on ARI answers *body* for *certificate* (PEM), be it JSON or not."""
        self._get("/set-renewal-info/", json.dumps({"certificate": certificate, "ariResponse": body}).encode())

    def order_count(self) -> int:
        """How many orders were ever made."""
        return self._last_count("orders in the db")

    def account_count(self) -> int:
        return self._last_count("accounts in memory")

    def log(self) -> str:
        return self._program.text()

    def wait_for(self, words: str) -> None:
        """Returns once it has said that."""
        self._program.wait_until(lambda: words in self.log(), f"saying {words!r}")

    def end(self) -> None:
        """Afterwards it and its DNS server are gone."""
        self._program.end()
        if self.dns:
            self.dns.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _start(self, settings: dict[str, object]) -> Program:
        file = self._place.folder / "pebble.json"
        file.write_text(json.dumps({"pebble": settings}))
        argv = [installed("pebble", "run `make tools`"), "-config", str(file), "-dnsserver", self.dns_address]
        strict = ["-strict"] if self.config.strict else []
        return self._place.start([*argv, *strict], "pebble", env=_environment(self.config))

    def _settings(self, port: int, management: int) -> dict[str, object]:
        config = self.config
        return {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.listener.certificate),
            "privateKey": str(self.listener.key),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "externalAccountBindingRequired": bool(config.eab_keys),
            "externalAccountMACKeys": dict(config.eab_keys),
            "caaIdentities": list(config.caa_identities),
            "domainBlocklist": list(config.blocked),
            "keyAlgorithm": "ecdsa",
            "retryAfter": {"authz": config.retry_after, "order": config.retry_after},
            "profiles": {name: {"description": name, "validityPeriod": life} for name, life in config.profiles.items()},
        }

    def _last_count(self, what: str) -> int:
        counts = re.findall(rf"There are now (\d+) {what}", self.log())
        return int(counts[-1]) if counts else 0

    def _get(self, path: str, body: bytes | None = None) -> bytes:
        return self._place.fetch(self._management + path, body, self.authority)


def _environment(config: PebbleConfig) -> dict[str, str]:
    flags = {
        "PEBBLE_WFE_NONCEREJECT": config.nonce_reject,
        "PEBBLE_AUTHZREUSE": config.authz_reuse,
        "PEBBLE_VA_NOSLEEP": int(config.validation_sleep == 0),
        "PEBBLE_VA_SLEEPTIME": config.validation_sleep,
        "PEBBLE_VA_ALWAYS_VALID": int(config.always_valid),
        "PEBBLE_ALTERNATE_ROOTS": config.alternate_roots,
        "PEBBLE_CHAIN_LENGTH": config.chain_length,
        "PEBBLE_WFE_ORDERS_PER_PAGE": config.orders_per_page,
    }
    return without_trust_overrides(**{name: str(value) for name, value in flags.items()})
