"""The CA that strangers meet, as a value: where it is, whom to trust, and what it holds true of a certificate.

It stands in a network of its own with the real ports: the CA comes to 80 and 443, and a BIND on 53 has every name
below `example.test` lead to 127.0.0.1 and takes TXT records by TSIG.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.peers.bind import Bind
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.ports import free_port
from tests.peers.program import installed, without_trust_overrides
from tests.peers.stock import served_folder

__all__ = ["CaUnderTest", "ExternalAccount", "Network", "evercert_under_test", "network", "pebble_under_test"]

_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")

# A CA comes to the real ports; one name server has them all, and any TXT record that the key writes.
_ZONE = "* A 127.0.0.1\n"

# nsupdate reads the key from a file, so that it stands in no list of processes.
_HOOK = """#!/bin/sh
# add|delete NAME VALUE: one TXT record, in the zone when this returns.
set -eu
printf 'server 127.0.0.1\\nupdate %s _acme-challenge.%s. 1 TXT "%s"\\nsend\\n' "$1" "$2" "$3" | {nsupdate} -k {key}
"""


class ExternalAccount(NamedTuple):
    key_id: str
    mac_key: str
    """base64url, without padding."""


class Network(NamedTuple):
    """Where a CA and its clients are: a namespace, its name server, and a program that writes TXT records there."""

    place: Namespace
    dns: Bind
    txt: Path
    """`txt add|delete NAME VALUE` for `_acme-challenge.NAME`."""
    key: Path
    """A TSIG key in the form of BIND's configuration."""


@dataclass(frozen=True)
class CaUnderTest:
    """*trust* is a PEM file of what the CA's own TLS hangs from, *roots* one of what it issues from."""

    name: str
    network: Network
    directory: str
    trust: Path
    roots: Path
    is_revoked: Callable[[x509.Certificate], bool]
    ask_to_renew: Callable[[x509.Certificate], None]
    """From now on renewal information says that the certificate is to be renewed at once."""
    eab: ExternalAccount | None = None

    @property
    def place(self) -> Namespace:
        return self.network.place

    def environment(self, **more: str) -> dict[str, str]:
        """For any client program: it trusts the CA's own TLS, whichever variable it reads."""
        trust = str(self.trust)
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LEGO_CA_CERTIFICATES", "NODE_EXTRA_CA_CERTS")
        return without_trust_overrides(**_PROXIES, **dict.fromkeys(names, trust)) | more


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """A namespace in *folder* (made) with its name server, until the end."""
    with Namespace(served_folder(folder)) as place, Bind(place, {"example.test": _ZONE}, port=53) as dns:
        key, txt = folder / "tsig.key", folder / "txt"
        # A server's hook is another user, who must be able to read it.
        key.write_text(f'key "hmac-sha256" {{ algorithm hmac-sha256; secret "{dns.secret}"; }};\n')
        txt.write_text(_HOOK.format(nsupdate=installed("nsupdate", "run `make peers`"), key=key))
        txt.chmod(0o755)
        yield Network(place, dns, txt, key)


@contextmanager
def pebble_under_test(folder: Path) -> Iterator[CaUnderTest]:
    """A Pebble in a network of its own."""
    with network(folder) as net:
        config = PebbleConfig(
            dns="127.0.0.1:53",
            http_port=80,
            tls_port=443,
            # dehydrated 0.7.0 takes a rejected nonce for the end.
            nonce_reject=0,
        )
        with Pebble(net.place, config) as pebble:
            net.place.trust(pebble.authority)
            roots = folder / "roots.pem"
            roots.write_text(pebble.root())
            yield CaUnderTest(
                name="Pebble",
                network=net,
                directory=pebble.directory,
                trust=pebble.authority,
                roots=roots,
                is_revoked=lambda leaf: pebble.status_of(f"{leaf.serial_number:x}")["Status"] == "Revoked",
                ask_to_renew=lambda leaf: _past_window(pebble, leaf),
            )


class _Operator:
    """Whoever runs our CA, by its commands."""

    def __init__(self, place: Namespace, home: Path) -> None:
        self._place = place
        self.environment = without_trust_overrides(EVERCERT_HOME=str(home))
        self.evercert = [installed("evercert", "run `make setup`"), "ca"]

    def says(self, *words: str) -> Any:
        """What the command tells with `--json`."""
        return json.loads(self._place.run([*self.evercert, *words, "--json"], env=self.environment).stdout)

    def is_revoked(self, leaf: x509.Certificate) -> bool:
        return self.says("show", f"{leaf.serial_number:x}")["revoked_at"] is not None

    def ask_to_renew(self, leaf: x509.Certificate) -> None:
        serial = f"{leaf.serial_number:x}"
        self.says("incident", "declare", "https://status.example.test/1", "--serial", serial, "--within", "1s")
        # A client draws any moment of the window: only once the whole of it has passed, every draw means now.
        [open_incident] = self.says("incident", "list")
        time.sleep(max(0.0, (datetime.fromisoformat(open_incident["end"]) - datetime.now(UTC)).total_seconds()))

    def external_account(self) -> ExternalAccount:
        made = self.says("eab", "add", "--many", "--label", "strangers")
        return ExternalAccount(made["kid"], made["hmac_key"])


@contextmanager
def evercert_under_test(folder: Path, *, binding: bool = False) -> Iterator[CaUnderTest]:
    """Our CA in a network of its own, as its operator makes it; a *binding* one takes no account without an external
    one, and gives it away."""
    with network(folder) as net:
        home, port = folder / "evercert", free_port()
        operator = _Operator(net.place, home)
        where = ["--url", f"https://localhost:{port}", "--listen", f"127.0.0.1:{port}"]
        operator.says("init", *where, "--allow", "127.0.0.0/8")
        eab = operator.external_account() if binding else None
        if binding:
            settings = home / "ca/ca.toml"
            settings.write_text("eab_required = true\n" + settings.read_text())
        with net.place.start([*operator.evercert, "serve"], "evercert", env=operator.environment) as program:
            program.wait_until(partial(net.place.accepts, port), "listening")
            # Handed out, as an operator does: the CA's own folder is closed to everybody else.
            root = folder / "root.pem"
            root.write_bytes((home / "ca/root.pem").read_bytes())
            net.place.trust(root)
            yield CaUnderTest(
                name="Evercert",
                network=net,
                directory=f"https://localhost:{port}/acme/directory",
                trust=root,
                roots=root,
                is_revoked=operator.is_revoked,
                ask_to_renew=operator.ask_to_renew,
                eab=eab,
            )


def _past_window(pebble: Pebble, leaf: x509.Certificate) -> None:
    now = datetime.now(UTC)
    pebble.suggest_window(leaf.public_bytes(Encoding.PEM).decode(), now - timedelta(hours=2), now - timedelta(hours=1))
