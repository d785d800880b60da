"""The load: so many clients at once against one CA. A program of its own, that stands beside the CA in a namespace.

It makes accounts, keys and requests, says `ready`, waits for a line, goes, and prints what it measured as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import resource
import sys
import time
from collections.abc import Iterator
from statistics import quantiles

import msgspec

from bench.ca.client import AcmeClient, Refused, Tally, Wanted
from bench.ca.wire import Lost, Origin, Wire
from evercert.base.names import parse_identifiers
from evercert.net.listen import HttpResponder
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate

# Some CAs fail now and then when many ask at once; their users would begin again.
_TRIES = 5
# What makes two failures of one kind two: a port, an identifier.
_NUMBERS = re.compile(r"\b(?=[\w-]*\d)[\w-]{5,}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ca.load", description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("--authority", default="", help="PEM file by which the directory is reached")
    parser.add_argument("--certificates", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=100, help="certificates before those that count")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--http-port", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=300)
    print(json.dumps(asyncio.run(_load(parser.parse_args()))), flush=True)


async def _load(given: argparse.Namespace) -> dict[str, object]:
    responder = HttpResponder()
    await responder.start(["127.0.0.1"], given.http_port)
    origin = Origin.of(given.directory, given.authority)
    directory = msgspec.json.decode((await Wire(origin).ask("GET", given.directory)).body)
    signers = [generate(KeyType.EC256) for _ in range(given.accounts)]
    warming = Tally()
    clients = [
        AcmeClient(Wire(origin), directory, signers[number % given.accounts], responder.put, warming)
        for number in range(given.clients)
    ]
    for client in clients:
        await client.register()
    wanted = iter([_wanted(number) for number in range(given.certificates + given.warm)])
    await _all(clients, [next(wanted) for _ in range(given.warm)], given.seconds)
    tally = Tally()
    for client in clients:
        client.tally = tally
    rest = list(wanted)
    gc.collect()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    began, cpu = time.perf_counter(), _cpu()
    await _all(clients, rest, given.seconds)
    return _told(tally, time.perf_counter() - began, _cpu() - cpu)


async def _all(clients: list[AcmeClient], wanted: list[Wanted], seconds: float) -> None:
    """Every client takes the next that nobody has, until there is none or the time is over."""
    queue = iter(wanted)
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_one_after_another(client, queue, until) for client in clients))


async def _one_after_another(client: AcmeClient, queue: Iterator[Wanted], until: float) -> None:
    for wanted in queue:
        if time.perf_counter() > until:
            return
        for _ in range(_TRIES):
            try:
                await client.obtain(wanted)
                break
            except TimeoutError:
                client.tally.errors["no answer, given up"] += 1
                return
            except (Refused, Lost, OSError, KeyError, StopIteration) as error:
                client.tally.errors[_NUMBERS.sub("...", f"{type(error).__name__} {error}")[:200]] += 1


def _wanted(number: int) -> Wanted:
    name = f"n{number:06d}.bench.test"
    key = generate(KeyType.EC256)
    return Wanted(name, build_csr(key, parse_identifiers([name])))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _told(tally: Tally, seconds: float, cpu: float) -> dict[str, object]:
    return {
        "certificates": tally.certificates,
        "requests": tally.requests,
        "seconds": seconds,
        "client_cpu": cpu,
        "new_order": _quantiles(tally.new_order),
        "finalize": _quantiles(tally.finalize),
        "whole": _quantiles(tally.whole),
        "errors": dict(tally.errors.most_common(5)),
        "failures": sum(count for what, count in tally.errors.items() if not what.startswith("badNonce")),
    }


def _quantiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th hundredth, in milliseconds."""
    if len(seconds) < 2:
        return 0.0, 0.0
    hundredths = quantiles(seconds, n=100)
    return hundredths[49] * 1000, hundredths[98] * 1000


if __name__ == "__main__":
    main()
