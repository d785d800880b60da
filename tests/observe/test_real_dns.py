"""The DNS checks through the real resolver, at a DNS server that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifier
from evercert.model.intent import ChallengeRule
from evercert.net.dns import DnsResolver
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.tls import probe
from evercert.observe.caa import find_caa, judge_caa
from evercert.observe.dns import judge_dns, look_up
from evercert.observe.finding import Finding, Severity
from evercert.observe.preflight import CaFacts, Sight, examine
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.pebble import Pebble
from tests.peers.place import Machine
from tests.peers.ports import free_port
from tests.peers.signed import SignedBind

NAME = parse_identifier("www.a.example.test")


@pytest.fixture
def challtestsrv(tmp_path: Path) -> Iterator[Challtestsrv]:
    with Challtestsrv(Machine(tmp_path)) as running:
        yield running


def worst(findings: list[Finding]) -> Severity:
    return max(finding.severity for finding in findings)


async def test_caa_is_climbed_to_and_judged(challtestsrv: Challtestsrv) -> None:
    challtestsrv.add_caa("example.test", ("issue", "ca.test; validationmethods=http-01"), ("iodef", "mailto:a@b.test"))
    answer = await find_caa(NAME, DnsResolver([challtestsrv.address]))
    assert answer.owner == "example.test"
    for methods, severity in {("http-01",): Severity.OK, ("dns-01",): Severity.PROBLEM}.items():
        assert worst(judge_caa(NAME, answer, identities=["ca.test"], methods=methods)) is severity


async def test_a_server_that_fails_is_a_problem_and_not_bogus_signatures(challtestsrv: Challtestsrv) -> None:
    challtestsrv.set_servfail(NAME.value)
    view = await look_up(NAME, DnsResolver([challtestsrv.address], timeout=2))
    findings = judge_dns(NAME, view, needs_address=True, public_ca=False)
    assert [(finding.check, finding.severity) for finding in findings] == [
        ("dns", Severity.PROBLEM),
        ("dnssec", Severity.NOTE),
    ]


async def test_signatures_of_real_zones_are_told_apart(tmp_path: Path) -> None:
    zones = {"good.test": "www A 192.0.2.1\n", "spoilt.test": "www A 192.0.2.1\n"}
    with SignedBind(Machine(tmp_path), zones, spoilt=frozenset({"spoilt.test"})) as bind:
        resolver = DnsResolver([bind.address], timeout=5)
        found = {}
        for zone in zones:
            name = parse_identifier(f"www.{zone}")
            judged = judge_dns(name, await look_up(name, resolver), needs_address=True, public_ca=False)
            found[zone] = {finding.check: finding.severity for finding in judged}
    assert found["good.test"]["dnssec"] is Severity.OK
    assert found["spoilt.test"]["dnssec"] is Severity.PROBLEM


async def test_a_name_is_examined_for_a_real_ca(pebble: Pebble) -> None:
    clock = SystemClock()
    http = HttpTransport(HttpSettings(roots=pebble.authority, timeout=5), clock)
    sight = Sight(DnsResolver([pebble.dns_address], timeout=2), http, probe, free_port(), free_port())
    ca = CaFacts(pebble.directory, pebble.config.caa_identities, public=False)
    try:
        findings = await examine(NAME, ca, [ChallengeRule("http-01", "standalone")], sight)
    finally:
        await http.close()
    seen = {finding.check: finding.severity for finding in findings}
    assert {check: seen[check] for check in ("fit", "dns", "caa", "port-80", "clock")} == {
        "fit": Severity.OK, "dns": Severity.OK, "caa": Severity.OK, "port-80": Severity.OK, "clock": Severity.OK,
    }  # fmt: skip
