"""What is measured: starting, obtaining, and holding many certificates."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.ca.lists import measure_lists
from bench.ca.peers import PEERS
from bench.ca.question import Load, ask_cas
from bench.ca.retention import measure_retention
from bench.clients import Certbot, Client, Evercert, Lego, LegoAtOnce
from bench.declared import measure_declared
from bench.filled import copy_lineage, fill_store
from bench.fleet.question import measure_fleet
from bench.fleet.working import measure_issuing, measure_polling
from bench.forecast import measure_forecast
from bench.measure import Command, all_of, cost_of, typical
from bench.table import print_table
from bench.webroot import serve_folder
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.program import ROOT, installed

__all__ = ["FULL", "QUESTIONS", "QUICK", "Scale"]

_EVERCERT = str(ROOT / ".venv/bin/evercert")
# The CA is to cost as little as it can: no sleeps, no rejected nonces, no reused authorizations.
_STEADY = PebbleConfig(nonce_reject=0, authz_reuse=0, validation_sleep=0)
_MODEL = "model.bench.test"
_number = count()


@dataclass(frozen=True)
class Scale:
    """How much is asked for; a client that has used up its seconds begins nothing more, and is extrapolated."""

    many: int
    most: int
    names: int
    listed: int
    stored: int
    issued: int
    seconds: float


FULL = Scale(many=100, most=1_000, names=50, listed=10_000, stored=1_000_000, issued=3_000, seconds=720)
QUICK = Scale(many=4, most=40, names=4, listed=200, stored=10_000, issued=200, seconds=60)


def start(folder: Path, scale: Scale) -> None:
    """The shortest command, beside an interpreter that does nothing."""
    programs = {
        "bare interpreter": [str(ROOT / ".venv/bin/python"), "-c", "pass"],
        "evercert version": [_EVERCERT, "version"],
        "lego --version": [installed("lego", "run `make peers`"), "--version"],
    }
    env = dict(os.environ)
    costs = {name: typical(Command(argv, env), folder / "start.log") for name, argv in programs.items()}
    print_table("Start (median of 15)", costs)


def obtain(folder: Path, scale: Scale) -> None:
    """Certificates, from one to many, and one with many names."""
    with Pebble(folder, _STEADY) as pebble:
        ours = Evercert(pebble, folder)
        clients: list[Client] = [ours, Certbot(pebble, folder), Lego(pebble, folder)]
        for client in clients:
            _make_account(client, folder)
        _compare("1 certificate", clients, folder, _orders(1), scale)
        _compare(f"{scale.many} certificates", clients, folder, _orders(scale.many), scale)
        _compare(f"1 certificate of {scale.names} names", clients, folder, _orders(1, scale.names), scale)
        _compare(f"{scale.most} certificates", [ours], folder, _orders(scale.most), scale)


def obtain_at_once(folder: Path, scale: Scale) -> None:
    """The same by the peer with the quickest process, started many times side by side over a web server's folder."""
    root = folder / "web"
    with Pebble(folder, _STEADY) as pebble, serve_folder(root, folder, pebble.http_port):
        client = LegoAtOnce(pebble, folder, root)
        _make_account(client, folder)
        _compare(f"{scale.most} certificates, processes side by side", [client], folder, _orders(scale.most), scale)


def hold(folder: Path, scale: Scale) -> None:
    """Looking at many certificates when there is nothing to do."""
    with Pebble(folder, _STEADY) as pebble:
        ours, certbot = Evercert(pebble, folder), Certbot(pebble, folder)
        for client in (ours, certbot):
            _cost(client, folder, [[_MODEL]], 120)
        copy_lineage(certbot.config, _MODEL, scale.listed)
        listing = {
            "evercert list": Command([_EVERCERT, "list"], _filled(ours, folder, scale.listed)),
            "certbot certificates": Command([certbot.program, "certificates", *certbot.folders], certbot.env),
        }
        _ask(f"List {scale.listed:,} certificates", listing, folder, scale)
        renewing = {
            f"evercert renew, {scale.stored:,}": Command([_EVERCERT, "renew"], _filled(ours, folder, scale.stored)),
            f"certbot renew, {scale.listed:,}": Command(
                [certbot.program, "renew", "--no-random-sleep-on-renew", *certbot.folders], certbot.env
            ),
        }
        _ask("Nothing is due", renewing, folder, scale)


def declared(folder: Path, scale: Scale) -> None:
    """A declaration of very many certificates, applied and compared."""
    measure_declared(folder, scale.most * 100, scale.seconds)


def forecast(folder: Path, scale: Scale) -> None:
    """When a fleet meets which limit."""
    measure_forecast(folder, scale.most * 200, scale.seconds)


def fleet(folder: Path, scale: Scale) -> None:
    """Very many certificates on each database: nothing is due, and a hundred are claimed."""
    with Pebble(folder, _STEADY) as pebble:
        measure_fleet(folder, pebble, scale.stored, scale.seconds)


def fleet_issue(folder: Path, scale: Scale) -> None:
    """Certificates by one worker from our own CA, from a declaration to installed files, on each database."""
    measure_issuing(folder, scale.most, scale.seconds)


def fleet_ari(folder: Path, scale: Scale) -> None:
    """How many certificates one worker asks our own CA about, on each database."""
    measure_polling(folder, scale.most, scale.seconds)


def ca(folder: Path, scale: Scale) -> None:
    """Certificates from every CA that can be had here, under one load."""
    load = Load(scale.issued, warm=scale.issued // 10, clients=32, accounts=32, seconds=scale.seconds / 4)
    ask_cas(folder, load, list(PEERS))


def ca_retention(folder: Path, scale: Scale) -> None:
    """Whether the CA's store is as small as its content again, once very many orders are over."""
    measure_retention(folder, scale.most * 100)


def ca_lists(folder: Path, scale: Scale) -> None:
    """Lists of very many revoked certificates, on each database that the CA can stand on."""
    measure_lists(folder, scale.stored)


QUESTIONS = {
    "start": start,
    "obtain": obtain,
    "obtain-at-once": obtain_at_once,
    "hold": hold,
    "declared": declared,
    "forecast": forecast,
    "fleet": fleet,
    "fleet-issue": fleet_issue,
    "fleet-ari": fleet_ari,
    "ca": ca,
    "ca-retention": ca_retention,
    "ca-lists": ca_lists,
}


def _orders(certificates: int, names: int = 1) -> list[list[str]]:
    """Names that were never asked for before in this run."""
    return [[f"n{next(_number):06d}.bench.test" for _ in range(names)] for _ in range(certificates)]


def _make_account(client: Client, folder: Path) -> None:
    _cost(client, folder, _orders(1), 120)


def _cost(client: Client, folder: Path, orders: Sequence[Sequence[str]], seconds: float) -> None:
    for command in client.commands(orders):
        cost_of(command, folder / "first.log", seconds)


def _compare(question: str, clients: Sequence[Client], folder: Path, orders: list[list[str]], scale: Scale) -> None:
    """The same orders for each client; each has authorizations of its own, because each has an account of its own."""
    print_table(
        question,
        {
            client.name: all_of(
                client.commands(orders), folder / f"{client.name}.log", width=client.width, seconds=scale.seconds
            )
            for client in clients
        },
    )


def _ask(question: str, commands: Mapping[str, Command], folder: Path, scale: Scale) -> None:
    print_table(
        question, {name: cost_of(command, folder / "ask.log", scale.seconds) for name, command in commands.items()}
    )


def _filled(client: Evercert, folder: Path, certificates: int) -> dict[str, str]:
    """The environment of a copy of the client's store that has so many more certificates."""
    home = folder / f"evercert-{certificates}"
    shutil.copytree(client.home, home)
    fill_store(home / "evercert.db", certificates)
    return client.env | {"EVERCERT_HOME": str(home)}
