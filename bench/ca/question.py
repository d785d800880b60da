"""What is asked of every CA, one after the other on the same machine in the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ca.meter import named, spent
from bench.ca.peers import PEERS, Peer, start_challtestsrv
from bench.measure import BenchFailure
from bench.table import print_rows
from tests.peers.namespaces import Namespace
from tests.peers.program import ROOT, without_trust_overrides

__all__ = ["Load", "ask_cas"]

_ATTEMPTS = 6


@dataclass(frozen=True)
class Load:
    """*clients* at once, of *accounts*; each peer has *seconds* at most."""

    certificates: int
    warm: int
    clients: int
    accounts: int
    seconds: float


@dataclass(frozen=True)
class Result:
    """What the load measured, and what it cost the CA meanwhile."""

    load: dict[str, Any]
    cpu: float
    memory: float

    @property
    def per_cpu_second(self) -> float:
        return float(self.load["certificates"]) / self.cpu if self.cpu else 0.0


def ask_cas(folder: Path, load: Load, names: list[str]) -> dict[str, Result]:
    """The first of *names* is what the others are compared with. Raises `BenchFailure` when one could not be measured,
    after the others were."""
    results: dict[str, Result] = {}
    failures: list[BenchFailure] = []
    for name in names:
        try:
            results[name] = _measured(name, folder, load)
        except BenchFailure as failure:
            failures.append(failure)
    what = f"{load.certificates} certificates by http-01, {load.clients} clients at once"
    print_rows(f"{what} (x: how often the first row does this one's certificates per CPU second)", _rows(results))
    for name, result in results.items():
        if result.load["errors"]:
            print(f"  {name}: {result.load['errors']}", flush=True)
    if failures:
        raise failures[0]
    return results


def _measured(name: str, folder: Path, load: Load) -> Result:
    """Pebble locks itself up now and then (tests/peers/pebble.py): what is not done in time is begun anew."""
    for attempt in range(_ATTEMPTS):
        place = folder / f"{name.replace(' ', '-').replace(',', '')}-{attempt}"
        place.mkdir()
        with ExitStack() as stack:
            namespace = stack.enter_context(Namespace(place))
            stack.callback(start_challtestsrv(namespace).end)
            result = _loaded(namespace, PEERS[name](namespace, stack), load)
        if result.load["certificates"] >= load.certificates * 0.99:
            return result
    raise BenchFailure(f"{name}: not done in {_ATTEMPTS} attempts of {load.seconds:.0f} s: {result.load['errors']}")


def _loaded(namespace: Namespace, peer: Peer, given: Load) -> Result:
    argv = [
        *(sys.executable, "-m", "bench.ca.load", peer.directory, "--authority", peer.authority),
        *("--certificates", str(given.certificates), "--warm", str(given.warm), "--clients", str(given.clients)),
        *("--accounts", str(given.accounts), "--seconds", str(given.seconds)),
    ]
    env = without_trust_overrides(PYTHONPATH=str(ROOT))
    with (namespace.folder / "load.log").open("wb") as log:
        load = subprocess.Popen(
            namespace.argv(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env
        )
    try:
        assert load.stdin is not None
        assert load.stdout is not None
        if load.stdout.readline().strip() != "ready":
            raise BenchFailure(f"no load: {(namespace.folder / 'load.log').read_text()[-2000:]}")
        pids = named(peer.program, namespace.inhabitants())
        before = spent(pids)
        load.stdin.write("go\n")
        load.stdin.flush()
        told = load.stdout.readline()
        after = spent(pids)
    finally:
        load.kill()
        load.wait()
    return Result(json.loads(told), after.cpu - before.cpu, after.memory)


def _rows(results: dict[str, Result]) -> list[tuple[str, ...]]:
    first = next(iter(results.values()))
    heads = (
        *("", "per CPU s", "x", "CPU ms each", "per s", "requests each", "newOrder ms", "finalize ms", "whole ms"),
        *("MB", "client CPU ms each", "failed"),
    )
    return [heads, *(_cells(name, result, first) for name, result in results.items())]


def _cells(name: str, result: Result, first: Result) -> tuple[str, ...]:
    load = result.load
    count = max(load["certificates"], 1)
    return (
        name,
        f"{result.per_cpu_second:.0f}",
        f"{first.per_cpu_second / max(result.per_cpu_second, 1e-9):.2f}",
        f"{result.cpu * 1000 / count:.2f}",
        f"{count / load['seconds']:.0f}",
        f"{load['requests'] / count:.1f}",
        *(_pair(load[what]) for what in ("new_order", "finalize", "whole")),
        f"{result.memory:.0f}",
        f"{load['client_cpu'] * 1000 / count:.2f}",
        str(load["failures"]),
    )


def _pair(quantiles: tuple[float, float]) -> str:
    return f"{quantiles[0]:.1f}/{quantiles[1]:.0f}"
