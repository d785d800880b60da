"""What each check makes of what it saw; no network, no clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.cas import KNOWN_CAS
from evercert.base.names import parse_identifier
from evercert.model.intent import ChallengeRule
from evercert.observe.acme_challenge import ChallengeNameView, judge_challenge_name
from evercert.observe.clock_skew import judge_clock
from evercert.observe.dns import DnsView, judge_dns
from evercert.observe.finding import Finding, Severity
from evercert.observe.fit import judge_fit
from evercert.observe.http_port import HttpView, judge_http_port
from evercert.observe.lookup import Aliases
from evercert.observe.quota import Quota, judge_account, judge_quotas, quota_of
from evercert.observe.tls_port import TlsView, judge_tls_port
from tests.fakes.web import NOW

NAME = parse_identifier("www.example.com")
STAR = parse_identifier("*.example.com")
V4, V6 = "93.184.216.34", "2606:2800:220:1::1"


def worst(findings: list[Finding]) -> Severity:
    return max((finding.severity for finding in findings), default=Severity.OK)


def rules(*types: str) -> list[ChallengeRule]:
    return [ChallengeRule(challenge, "x") for challenge in types]


@pytest.mark.parametrize(
    ("name", "types", "public", "severity"),
    [
        ("www.example.com", ["http-01"], True, Severity.OK),
        ("*.example.com", ["http-01", "tls-alpn-01"], True, Severity.PROBLEM),
        ("*.example.com", ["http-01", "dns-01"], True, Severity.OK),
        ("*.example.com", ["dns-persist-01"], True, Severity.OK),
        ("8.8.8.8", ["dns-01"], True, Severity.PROBLEM),
        ("8.8.8.8", ["http-01"], True, Severity.OK),
        ("10.0.0.1", ["http-01"], True, Severity.PROBLEM),
        ("10.0.0.1", ["http-01"], False, Severity.OK),
        ("fd00::1", ["http-01"], True, Severity.PROBLEM),
        ("printer.local", ["http-01"], True, Severity.PROBLEM),
        ("printer.local", ["http-01"], False, Severity.OK),
        ("intranet", ["http-01"], True, Severity.PROBLEM),
        ("x.1.2.3.in-addr.arpa", ["http-01"], True, Severity.PROBLEM),
        ("latest", [], False, Severity.OK),
        ("www.mylocal.com", ["http-01"], True, Severity.OK),
    ],
)
def test_a_name_fits_its_challenges_and_its_ca(name: str, types: list[str], public: bool, severity: Severity) -> None:
    assert worst(judge_fit(parse_identifier(name), rules(*types), public_ca=public)) is severity


def dns(view: DnsView, *, needs_address: bool = True, public: bool = True) -> dict[str, Finding]:
    found = judge_dns(NAME, view, needs_address=needs_address, public_ca=public)
    return {finding.check: finding for finding in sorted(found, key=lambda finding: finding.severity)}


def test_a_name_with_public_addresses_is_ok() -> None:
    assert dns(DnsView(Aliases((NAME.value,)), (V4, V6)))["dns"].severity is Severity.OK


def test_a_name_without_address_is_a_problem_only_where_one_is_needed() -> None:
    view = DnsView(Aliases((NAME.value,)))
    assert dns(view)["dns"].severity is Severity.PROBLEM
    assert dns(view, needs_address=False)["dns"].severity is Severity.NOTE


def test_a_circle_of_aliases_is_shown_whole() -> None:
    finding = dns(DnsView(Aliases(("a.test", "b.test", "a.test"), looped=True)))["dns"]
    assert (finding.severity, "a.test -> b.test -> a.test" in finding.what) == (Severity.PROBLEM, True)


def test_a_private_address_is_a_problem_for_a_public_ca_alone_and_a_warning_among_others() -> None:
    view = DnsView(Aliases((NAME.value,)), ("10.1.2.3",))
    assert dns(view)["dns"].severity is Severity.PROBLEM
    assert dns(view, public=False)["dns"].severity is Severity.OK
    assert dns(DnsView(Aliases((NAME.value,)), (V4, "10.1.2.3")))["dns"].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("secure", "severity"), [(True, Severity.OK), (False, Severity.NOTE), (None, Severity.PROBLEM)]
)
def test_dnssec_that_does_not_hold_is_a_problem_and_none_is_not(secure: bool | None, severity: Severity) -> None:
    assert dns(DnsView(Aliases((NAME.value,)), (V4,), secure=secure))["dnssec"].severity is severity


def http(*views: HttpView, solver: str = "auto") -> dict[str, Finding]:
    found = judge_http_port(NAME, views, solver)
    return {finding.check: finding for finding in sorted(found, key=lambda finding: finding.severity)}


def test_ipv6_that_is_silent_while_ipv4_answers_is_a_warning() -> None:
    finding = http(HttpView(V4, 404), HttpView(V6, failure="timeout"))["ipv6"]
    assert (finding.severity, V6 in finding.what, "AAAA" in finding.hint) == (Severity.WARNING, True, True)


def test_ipv6_answered_by_other_software_is_a_warning() -> None:
    assert http(HttpView(V4, 404, "nginx"), HttpView(V6, 404, "Apache"))["ipv6"].severity is Severity.WARNING
    assert "ipv6" not in http(HttpView(V4, 404, "nginx"), HttpView(V6, 404, "nginx"))


@pytest.mark.parametrize(
    ("solver", "failure", "severity"),
    [
        ("standalone", "unreachable", Severity.OK),
        ("auto", "unreachable", Severity.OK),
        ("webroot", "unreachable", Severity.PROBLEM),
        ("standalone", "timeout", Severity.WARNING),
        ("webroot", "timeout", Severity.WARNING),
    ],
)
def test_a_port_that_does_not_answer_is_judged_by_who_would_answer(
    solver: str, failure: str, severity: Severity
) -> None:
    assert worst(list(http(HttpView(V4, failure=failure), solver=solver).values())) is severity


def test_standalone_is_warned_of_a_server_that_holds_the_port() -> None:
    assert http(HttpView(V4, 404), solver="standalone")["port-80"].severity is Severity.WARNING
    assert http(HttpView(V4, 404), solver="auto")["port-80"].severity is Severity.OK


@pytest.mark.parametrize(
    ("view", "severity"),
    [
        (HttpView(V4, 404), Severity.OK),
        (HttpView(V4, 200), Severity.NOTE),
        (HttpView(V4, failure="too-large"), Severity.NOTE),
        (HttpView(V4, 403), Severity.WARNING),
        (HttpView(V4, 502), Severity.WARNING),
        (HttpView(V4, 301, hops=("https://www.example.com/x",)), Severity.NOTE),
        (HttpView(V4, 301, hops=("https://www.example.com:8443/x",), fault="it leads to port 8443"), Severity.PROBLEM),
    ],
)
def test_an_answer_is_judged_by_what_a_ca_would_make_of_it(view: HttpView, severity: Severity) -> None:
    assert worst(list(http(view).values())) is severity


def test_different_certificates_on_the_two_families_are_a_warning() -> None:
    (finding,) = judge_tls_port(NAME, [TlsView(V4, "aa"), TlsView(V6, "bb")], "")
    assert (finding.check, finding.severity) == ("ipv6", Severity.WARNING)
    assert judge_tls_port(NAME, [TlsView(V4, "aa"), TlsView(V6, "aa")], "") == []


@pytest.mark.parametrize(
    ("solver", "view", "severity"),
    [
        ("standalone", TlsView(V4, "aa"), Severity.PROBLEM),
        ("standalone", TlsView(V4, failure="unreachable"), Severity.OK),
        ("front", TlsView(V4, "aa"), Severity.OK),
        ("front", TlsView(V4, failure="timeout"), Severity.WARNING),
        ("", TlsView(V4, failure="timeout"), Severity.OK),
    ],
)
def test_port_443_is_judged_only_where_tls_alpn_needs_it(solver: str, view: TlsView, severity: Severity) -> None:
    assert worst(judge_tls_port(NAME, [view], solver)) is severity


@pytest.mark.parametrize(
    ("date", "severity"),
    [
        ("Mon, 23 Nov 2026 12:00:03 GMT", Severity.OK),
        ("Mon, 23 Nov 2026 11:58:00 GMT", Severity.NOTE),
        ("Mon, 23 Nov 2026 15:00:00 GMT", Severity.WARNING),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Severity.WARNING),
        ("yesterday", Severity.NOTE),
        (None, Severity.NOTE),
    ],
)
def test_the_clock_is_judged_by_the_cas_date(date: str | None, severity: Severity) -> None:
    assert worst(judge_clock(date, NOW)) is severity


@given(st.text(max_size=60))
def test_any_date_is_judged(date: str) -> None:
    assert judge_clock(date, NOW)


def test_leftover_values_are_noted_and_too_many_are_a_warning() -> None:
    name = Aliases(("_acme-challenge.example.com",))
    assert worst(judge_challenge_name(ChallengeNameView(name, ("a",)), needed=True)) is Severity.NOTE
    assert worst(judge_challenge_name(ChallengeNameView(name, ("a",) * 30), needed=True)) is Severity.WARNING
    assert worst(judge_challenge_name(ChallengeNameView(name), needed=True)) is Severity.OK


def test_a_delegated_challenge_name_says_where_it_leads() -> None:
    view = ChallengeNameView(Aliases(("_acme-challenge.example.com", "x.acme.net")), zone="acme.net")
    (finding,) = judge_challenge_name(view, needed=True)
    assert (finding.severity, "acme.net" in finding.what, "zone" in finding.hint) == (Severity.NOTE, True, True)


def test_a_broken_challenge_name_is_a_problem_only_where_dns_proves_the_name() -> None:
    for view in (
        ChallengeNameView(Aliases(("a", "b", "a"), looped=True), failure="x"),
        ChallengeNameView(Aliases(("a",)), failure="SERVFAIL"),
    ):
        assert worst(judge_challenge_name(view, needed=True)) is Severity.PROBLEM
        assert worst(judge_challenge_name(view, needed=False)) < Severity.PROBLEM


@pytest.mark.parametrize(("used", "severity"), [(1, Severity.OK), (40, Severity.WARNING), (50, Severity.PROBLEM)])
def test_a_quota_warns_before_it_is_used_up(used: int, severity: Severity) -> None:
    quota = Quota("certificates for example.com", used, 50, timedelta(days=7), frees_at=NOW)
    (finding,) = judge_quotas([quota])
    assert finding.severity is severity
    assert f"{used} of 50" in finding.what
    assert "7 days" in finding.what


def test_a_deactivated_account_is_a_problem_and_none_is_not() -> None:
    assert worst(judge_account("https://ca.test/1", "deactivated")) is Severity.PROBLEM
    assert worst(judge_account("https://ca.test/1", "valid")) is Severity.OK
    assert worst(judge_account("", "")) is Severity.NOTE


def test_every_limit_of_the_ca_table_can_be_judged() -> None:
    limits = [limit for ca in KNOWN_CAS for limit in ca.limits]
    assert limits
    for limit in limits:
        (finding,) = judge_quotas([quota_of(limit, "example.com", limit.count)])
        assert (finding.severity, limit.scope.value in finding.what) == (Severity.PROBLEM, True)
