"""The CAs that are measured: each as its own users start it, with P-256 and http-01, and no time slept on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import SystemRandom

from evercert.pki.cert import certificate_pem
from evercert.pki.hierarchy import Intermediate, make_intermediate, make_root
from evercert.pki.issuing import new_serial
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.pki.signer import Signer
from tests.peers.caddy import Caddy
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.openbao import OpenBao
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.ports import free_port
from tests.peers.program import ROOT, installed, without_trust_overrides

__all__ = ["PEERS", "Peer", "start_challtestsrv"]

_DNS = "127.0.0.1:53"


@dataclass(frozen=True)
class Peer:
    """A running CA: its directory, what it is reached by, and the name of the program that is to be metered."""

    directory: str
    authority: str
    program: str


def start_challtestsrv(place: Namespace) -> Challtestsrv:
    """A DNS server on the real port, by which every name leads to this namespace."""
    return Challtestsrv(place, port=53)


def evercert(place: Namespace, stack: ExitStack, caa: str = "lenient") -> Peer:
    """Durable: every order and certificate is on the disk before it is answered (SQLite, synchronous=FULL)."""
    folder, port = place.folder / "ca", free_port()
    url, listen = f"https://localhost:{port}", f"127.0.0.1:{port}"
    program = str(ROOT / ".venv/bin/evercert")
    env = without_trust_overrides(EVERCERT_HOME=str(place.folder / "home"))
    init = [program, "ca", "init", "--dir", str(folder), "--url", url, "--listen", listen, "--allow", "127.0.0.0/8"]
    place.run(init, env=env)
    settings = folder / "ca.toml"
    settings.write_text(settings.read_text().replace('#caa = "lenient"', f'caa = "{caa}"'))
    running = place.start([program, "ca", "serve", "--dir", str(folder)], "evercert", env=env)
    stack.callback(running.end)
    running.wait_until(partial(place.accepts, port), "listening")
    return Peer(f"{url}/acme/directory", str(folder / "root.pem"), "evercert")


def pebble(place: Namespace, stack: ExitStack) -> Peer:
    config = PebbleConfig(nonce_reject=0, authz_reuse=0, validation_sleep=0, dns=_DNS, http_port=80, tls_port=443)
    running = stack.enter_context(Pebble(place, config))
    return Peer(running.directory, str(running.authority), "pebble")


def pebble_trusting(place: Namespace, stack: ExitStack) -> Peer:
    """The same, but it looks at no challenge: what an order costs beside its validation."""
    config = PebbleConfig(nonce_reject=0, authz_reuse=0, validation_sleep=0, dns=_DNS, always_valid=True)
    running = stack.enter_context(Pebble(place, config))
    return Peer(running.directory, str(running.authority), "pebble")


def caddy(place: Namespace, stack: ExitStack) -> Peer:
    running = stack.enter_context(Caddy(place, _DNS))
    return Peer(running.directory, str(running.authority), "caddy")


def openbao(place: Namespace, stack: ExitStack) -> Peer:
    running = stack.enter_context(OpenBao(place, _DNS))
    return Peer(running.role_directory, "", "bao")


def step_ca(place: Namespace, stack: ExitStack) -> Peer:
    """smallstep's step-ca with its default database; its root and intermediate are made here."""
    folder, port = place.folder / "step", free_port()
    folder.mkdir()
    _write_hierarchy(folder)
    settings = {
        "root": str(folder / "root.pem"),
        "crt": str(folder / "intermediate.pem"),
        "key": str(folder / "intermediate.key"),
        "address": f"127.0.0.1:{port}",
        "dnsNames": ["localhost"],
        "logger": {"format": "text"},
        "db": {"type": "badgerv2", "dataSource": str(folder / "db")},
        "authority": {"provisioners": [{"type": "ACME", "name": "acme"}]},
    }
    file = folder / "ca.json"
    file.write_text(json.dumps(settings))
    argv = [installed("step-ca", "run `make bench`"), str(file), "--resolver", _DNS]
    program = place.start(argv, "step-ca")
    stack.callback(program.end)
    program.wait_until(partial(place.accepts, port), "listening")
    return Peer(f"https://localhost:{port}/acme/acme/directory", str(folder / "root.pem"), "step-ca")


PEERS: dict[str, Callable[[Namespace, ExitStack], Peer]] = {
    "evercert": evercert,
    "evercert, CAA off": partial(evercert, caa="off"),  # no other one here looks at CAA
    "pebble": pebble,
    "pebble, no validation": pebble_trusting,
    "caddy": caddy,
    "openbao": openbao,
    "step-ca": step_ca,
}


def _write_hierarchy(folder: Path) -> None:
    now, rng = datetime.now(UTC), SystemRandom()
    root_key, key = generate(KeyType.EC256), generate(KeyType.EC256)
    root = make_root(
        root_key,
        (("CN", "Bench Root"),),
        serial=new_serial(rng),
        not_before=now - timedelta(hours=1),
        not_after=now + timedelta(days=365),
    )
    wanted = Intermediate(
        serial=new_serial(rng),
        spki=key.spki,
        subject=(("CN", "Bench Intermediate"),),
        not_before=now - timedelta(hours=1),
        not_after=now + timedelta(days=300),
    )
    intermediate = make_intermediate(wanted, Signer(root, root_key))
    (folder / "root.pem").write_text(certificate_pem(root))
    (folder / "intermediate.pem").write_text(certificate_pem(intermediate))
    (folder / "intermediate.key").write_bytes(key.to_pem().reveal())
