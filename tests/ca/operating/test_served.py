"""A served CA, as its operators see it: its log and its figures."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.request import urlopen

from evercert.acme.client import AsyncClient
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.keys import KeyType, generate
from tests.peers.evercert_ca import PROGRAM, EvercertCa
from tests.peers.ports import free_port


def test_a_served_ca_shows_its_figures_and_writes_its_log(tmp_path: Path) -> None:
    port = free_port()
    ca = EvercertCa(tmp_path / "ca", settings=f'\n[metrics]\nlisten = ["127.0.0.1:{port}"]\n')
    ca.start("--log-format", "json", "--log-level", "debug")
    try:
        assert ca.get("/acme/directory") == 200
        assert ca.get("/acme/nothing%0aforged") == 404
        figures = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    finally:
        ca.stop()
    assert 'evercert_ca_requests_total{resource="directory",status="200"}' in figures
    assert 'evercert_ca_problems_total{type="malformed"} 1.0' in figures
    events = [json.loads(line) for line in ca.program.text().splitlines() if line.startswith("{")]
    answered = [(each["path"], each["status"]) for each in events if each["logger"] == "evercert.ca.node.access"]
    assert answered == [("/acme/directory", 200), ("/acme/nothing%0aforged", 404)]
    (refused,) = [each for each in events if each["logger"] == "evercert.ca.refusals"]
    assert (refused["problem"], refused["status"], refused["peer"]) == ("malformed", 404, "127.0.0.1")


def test_a_ca_answers_soon_after_it_is_started_and_is_small(tmp_path: Path) -> None:
    """Within a second of this machine's processor for it, from the first start on, and below 120 MB: `init` has pkilint
    look at what it makes. (Of the clock's time a busy machine takes any amount.)"""
    with EvercertCa(tmp_path / "ca") as ca:
        assert ca.get("/acme/directory") == 200
        seconds, octets = ca.program.cost()
    assert (ca.folder / "linted.json").exists()
    assert seconds < 1.0
    assert octets < 120 << 20


async def test_limits_are_shown_with_the_names_that_were_ordered(tmp_path: Path) -> None:
    clock = SystemClock()
    with EvercertCa(tmp_path / "ca") as ca:
        transport = HttpTransport(HttpSettings(roots=ca.root_file, use_system_roots=False), clock)
        client = AsyncClient(ca.directory, generate(KeyType.EC256), transport, clock)
        await client.new_account([], terms_agreed=True)
        await client.new_order(parse_identifiers([f"{letter}.test" for letter in "abcde"]))
        await transport.close()
        argv = [str(PROGRAM), "ca", "limits", "show", "orders-per-set", "--dir", str(ca.folder)]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    heads, row = said.splitlines()
    assert heads.split() == ["LIMIT", "WHOSE", "TAKEN", "FULL", "AGAIN"]
    limit, whose, taken, _ = row.split("  ")
    assert (limit, taken) == ("orders-per-set", "1 of 100")
    assert whose.partition(" ")[2] == "a.test, b.test, c.test and 2 more"
