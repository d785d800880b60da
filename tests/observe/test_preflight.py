"""The whole examination, looking through fakes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from evercert.base.names import parse_identifier
from evercert.model.intent import ChallengeRule
from evercert.observe.finding import Finding, Severity
from evercert.observe.http_port import look_at_http_port
from evercert.observe.lookup import follow_aliases
from evercert.observe.preflight import CaFacts, Sight, examine, examine_name
from tests.fakes.handshakes import FakeHandshakes
from tests.fakes.lookup import Caa, FakeLookup
from tests.fakes.web import FakeWeb, answer

NAME = parse_identifier("www.example.com")
V4, V6 = "93.184.216.34", "2606:2800:220:1::1"
CA = CaFacts("https://ca.test/dir", ("ca.test",))
ON_TIME = answer(200, Date="Mon, 23 Nov 2026 12:00:00 GMT")
HTTP_01 = ChallengeRule("http-01", "auto")
DNS_01 = ChallengeRule("dns-01", "cloudflare")


def healthy() -> Any:
    """A `Sight` of fakes, which a test may change."""
    dns = FakeLookup(
        a={"www.example.com": [V4, V6]}, zones={"example.com": "example.com"}, records={"example.com": [Caa("ca.test")]}
    )
    web = FakeWeb({f"http://{V4}": answer(), f"http://[{V6}]": answer(), "https://ca.test/dir": ON_TIME})
    return Sight(dns, web, FakeHandshakes({V4: b"leaf", V6: b"leaf"}))


def problems(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.severity is Severity.PROBLEM]


async def test_a_healthy_name_has_nothing_to_do() -> None:
    findings = await examine(NAME, CA, [HTTP_01], healthy())
    assert max(finding.severity for finding in findings) <= Severity.NOTE
    assert {finding.check for finding in findings} == {
        "fit", "dns", "dnssec", "caa", "acme-challenge", "port-80", "clock", "account",
    }  # fmt: skip


async def test_every_warning_and_problem_says_what_to_do() -> None:
    sight = healthy()
    sight.dns.broken.update({"www.example.com", "_acme-challenge.www.example.com"})
    sight.http.pages.clear()
    findings = await examine(NAME, CA, [HTTP_01, DNS_01], sight)
    assert {"dns", "caa", "acme-challenge", "ca"} <= set(problems(findings))
    assert all(finding.hint for finding in findings if finding.severity >= Severity.WARNING)


async def test_bogus_signatures_are_told_apart_from_a_broken_server() -> None:
    sight = healthy()
    sight.dns.bogus.add("www.example.com")
    assert {"dns", "dnssec", "caa"} <= set(problems(await examine_name(NAME, CA, [HTTP_01], sight)))


async def test_without_rules_the_usual_challenge_is_examined() -> None:
    assert "port-80" in {finding.check for finding in await examine_name(NAME, CA, [], healthy())}


async def test_only_the_rules_that_match_a_name_count() -> None:
    star = parse_identifier("*.example.com")
    rules = [ChallengeRule("http-01", "auto", match="www.*"), ChallengeRule("dns-01", "x", match="[*].*")]
    assert problems(await examine_name(star, CA, rules, healthy())) == []
    assert problems(await examine_name(star, CA, [HTTP_01], healthy())) == ["fit", "dns"]


async def test_an_ip_address_is_asked_at_itself_and_not_in_dns() -> None:
    sight = healthy()
    findings = await examine_name(parse_identifier(V4), CA, [HTTP_01], sight)
    assert sight.dns.asked == []
    assert {finding.check for finding in findings} == {"fit", "port-80"}


async def test_each_address_is_asked_for_a_made_up_challenge_of_the_name() -> None:
    sight = healthy()
    await look_at_http_port(NAME, [V4, V6], sight.http)
    assert [request.headers["host"] for request in sight.http.requests] == [NAME.value] * 2
    assert {request.url.split("/.well-known/acme-challenge/")[0] for request in sight.http.requests} == {
        f"http://{V4}", f"http://[{V6}]",
    }  # fmt: skip


async def test_at_most_eight_addresses_are_asked() -> None:
    web = FakeWeb({"http": answer()})
    assert len(await look_at_http_port(NAME, [f"8.8.8.{n}" for n in range(100)], web)) == 8


async def redirected(location: str, **pages: str) -> tuple[tuple[str, ...], str]:
    web = FakeWeb({f"http://{V4}": answer(301, Location=location), **dict(pages.items())})
    (view,) = await look_at_http_port(NAME, [V4], web)
    return view.hops, view.fault


async def test_a_redirect_to_https_with_any_certificate_is_fine() -> None:
    hops, fault = await redirected("https://www.example.com/x", **{"https://www.example.com/x": "tls"})
    assert (hops, fault) == (("https://www.example.com/x",), "")


async def test_redirects_that_cas_refuse_are_faults_and_are_not_followed() -> None:
    for location, word in {
        "https://www.example.com:8443/": "8443",
        "ftp://www.example.com/": "other than http",
        "http://169.254.169.254/latest/meta-data/": "an address",
        "https://[::1]/": "an address",
        "http://[half": "no URL",
        "http://a:99999999/": "no URL",
    }.items():
        web = FakeWeb({f"http://{V4}": answer(301, Location=location)})
        (view,) = await look_at_http_port(NAME, [V4], web)
        assert word in view.fault
        assert len(web.requests) == 1


async def test_redirects_in_a_circle_end() -> None:
    web = FakeWeb({f"http://{V4}": answer(302, Location="/y"), "http://www.example.com/y": answer(302, Location="/y")})
    (view,) = await look_at_http_port(NAME, [V4], web)
    assert "circle" in view.fault


async def test_endless_redirects_end() -> None:
    web = FakeWeb({f"http://{V4}": answer(302, Location="a/")})
    web.pages["http://www.example.com"] = answer(302, Location="a/")
    (view,) = await look_at_http_port(NAME, [V4], web)
    assert "more than 10" in view.fault
    assert len(web.requests) < 15


async def test_aliases_are_followed_to_an_end_a_circle_or_a_bound() -> None:
    assert (await follow_aliases("a", FakeLookup(aliases={"a": "b", "b": "c"}))).names == ("a", "b", "c")
    assert (await follow_aliases("a", FakeLookup(aliases={"a": "b", "b": "a"}))).looped
    endless = FakeLookup(aliases={f"n{n}": f"n{n + 1}" for n in range(100)})
    assert "more than 16" in (await follow_aliases("n0", endless)).failure


async def test_a_ca_that_does_not_answer_is_a_problem_that_keeps_its_reason() -> None:
    findings = await examine(NAME, CaFacts("https://gone.test/dir"), [HTTP_01], healthy())
    assert problems(findings) == ["ca"]


async def test_the_ports_that_are_told_are_those_that_were_asked() -> None:
    sight = replace(healthy(), http_port=5002, tls_port=5001)
    sight.http.pages.clear()
    sight.probe.leaves.clear()
    rules = [HTTP_01, ChallengeRule("tls-alpn-01", "standalone")]
    told = " ".join(finding.what + finding.hint for finding in await examine_name(NAME, CA, rules, sight))
    assert "port 5002" in told
    assert "port 5001" in told
    assert not re.search(r"port (80|443)\b", told)
