"""The CA that strangers meet, as a value: where it is, whom to trust, and what it holds true of a certificate.

It stands in a network of its own with the real ports: the CA comes to 80 and 443, and a BIND on 53 has every name
below `example.test` lead to 127.0.0.1 and takes TXT records by TSIG.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.jose import unb64url
from evercert.base.clock import to_epoch
from evercert.base.secret import Secret
from evercert.ca.store.eab import ExternalKey, added
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.sqlite import SqliteDatabase
from evercert.pki.seal import Sealer
from tests.peers.bind import Bind
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.ports import free_port
from tests.peers.program import installed, without_trust_overrides
from tests.peers.stock import served_folder

__all__ = ["EAB", "CaUnderTest", "ExternalAccount", "Network", "evercert_under_test", "network", "pebble_under_test"]

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


# dehydrated takes a MAC key of 32 octets, and none that ends within a line of its hexdump.
EAB = ExternalAccount("stranger", "YSBrZXkgb2YgdGhpcnR5LXR3byBvY3RldHMsIG91cnM")


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


@contextmanager
def evercert_under_test(folder: Path, *, eab: ExternalAccount | None = None) -> Iterator[CaUnderTest]:
    """Our CA in a network of its own, as its operators make it; with *eab* it takes no account without that one."""
    with network(folder) as net:
        home, port = folder / "evercert", free_port()
        environment = without_trust_overrides(EVERCERT_HOME=str(home))
        evercert = [installed("evercert", "run `make setup`"), "ca"]
        made = ["--url", f"https://localhost:{port}", "--listen", f"127.0.0.1:{port}", "--allow", "127.0.0.0/8"]
        net.place.run([*evercert, "init", *made], env=environment)
        if eab:
            _bind(home / "ca", eab)
        with net.place.start([*evercert, "serve"], "evercert", env=environment) as program:
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
                is_revoked=lambda leaf: _is_revoked(home / "ca/ca.db", leaf),
                ask_to_renew=lambda leaf: _incident(home / "ca/ca.db", leaf),
                eab=eab,
            )


def _bind(folder: Path, eab: ExternalAccount) -> None:
    settings = folder / "ca.toml"
    settings.write_text("eab_required = true\n" + settings.read_text())
    asyncio.run(_add(folder, eab))


async def _add(folder: Path, eab: ExternalAccount) -> None:
    key = ExternalKey(
        kid=eab.key_id,
        algorithms=("HS256",),
        label="strangers",
        reusable=True,
        authorizes=False,
        names="",
        profiles=(),
        created_at=datetime.now(UTC),
    )
    db = await SqliteDatabase.open(folder / "ca.db", MIGRATIONS)
    try:
        await db.write(added(key, Secret(unb64url(eab.mac_key)), Sealer(Secret((folder / "master.key").read_bytes()))))
    finally:
        await db.close()


def _is_revoked(file: Path, leaf: x509.Certificate) -> bool:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        (row,) = db.execute("SELECT revoked_at FROM certificates WHERE serial = ?", (f"{leaf.serial_number:x}",))
    return row[0] is not None


def _incident(file: Path, leaf: x509.Certificate) -> None:
    hour, now = 3_600 * 10**6, to_epoch(datetime.now(UTC))
    with closing(sqlite3.connect(file)) as db:
        db.execute(
            "UPDATE certificates SET window_start = ?, window_end = ? WHERE serial = ?",
            (now - 2 * hour, now - hour, f"{leaf.serial_number:x}"),
        )
        db.commit()


def _past_window(pebble: Pebble, leaf: x509.Certificate) -> None:
    now = datetime.now(UTC)
    pebble.suggest_window(leaf.public_bytes(Encoding.PEM).decode(), now - timedelta(hours=2), now - timedelta(hours=1))
