"""CAA: RFC 8659's algorithm and RFC 8657's parameters, as judged without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.names import parse_identifier
from evercert.observe.caa import CaaAnswer, find_caa, judge_caa
from evercert.observe.finding import Severity
from tests.fakes.lookup import Caa, FakeLookup

WWW = parse_identifier("www.example.com")
STAR = parse_identifier("*.example.com")
ACCOUNT = "https://ca.test/acct/1"


def worst(name, *records, account_url=ACCOUNT, methods=("http-01",), identities=("ca.test",)) -> Severity:
    answer = CaaAnswer("example.com", tuple(records))
    return max(
        finding.severity
        for finding in judge_caa(name, answer, identities=identities, account_url=account_url, methods=methods)
    )


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        (Caa("ca.test"), Severity.OK),
        (Caa("CA.TEST"), Severity.OK),
        (Caa("  ca.test ; "), Severity.OK),
        (Caa("other.test"), Severity.PROBLEM),
        (Caa(";"), Severity.PROBLEM),
        (Caa(""), Severity.PROBLEM),
        (Caa("ca.test; garbage"), Severity.PROBLEM),
        (Caa("ca.test; x=a b"), Severity.PROBLEM),
        (Caa("%%%%%"), Severity.PROBLEM),
        (Caa("ca.test", tag="ISSUE"), Severity.OK),
        (Caa("mailto:a@example.com", tag="iodef"), Severity.OK),
        (Caa("other.test", tag="issuewild"), Severity.OK),
        (Caa("x", tag="tbs", flags=128), Severity.PROBLEM),
        (Caa("x", tag="tbs", flags=0), Severity.OK),
        (Caa("mailto:a@example.com", tag="iodef", flags=128), Severity.OK),
        (Caa(f"ca.test; accounturi={ACCOUNT}"), Severity.OK),
        (Caa("ca.test; accounturi=https://ca.test/acct/2"), Severity.PROBLEM),
        (Caa(f"ca.test; accounturi={ACCOUNT}; accounturi={ACCOUNT}"), Severity.PROBLEM),
        (Caa("ca.test; validationmethods=http-01"), Severity.OK),
        (Caa("ca.test;validationmethods=dns-01,http-01"), Severity.OK),
        (Caa("ca.test; validationmethods=dns-01"), Severity.PROBLEM),
        (Caa("ca.test; validationmethods="), Severity.PROBLEM),
        (Caa(f"ca.test; validationmethods=http-01; accounturi={ACCOUNT}"), Severity.OK),
        (Caa("ca.test; cansignhttpexchanges=yes"), Severity.OK),
    ],
)
def test_one_record_decides_for_a_plain_name(record: Caa, severity: Severity) -> None:
    assert worst(WWW, record) is severity


def test_an_issuewild_property_goes_before_issue_for_a_wildcard() -> None:
    assert worst(STAR, Caa("ca.test"), Caa(";", tag="issuewild")) is Severity.PROBLEM
    assert worst(STAR, Caa(";"), Caa("ca.test", tag="issuewild")) is Severity.OK


def test_a_wildcard_falls_back_to_issue() -> None:
    assert worst(STAR, Caa("ca.test"), methods=("dns-01",)) is Severity.OK
    assert worst(STAR, Caa("other.test"), methods=("dns-01",)) is Severity.PROBLEM


def test_parameters_of_one_record_are_met_together_not_across_records() -> None:
    mine = Caa(f"ca.test; accounturi={ACCOUNT}; validationmethods=dns-01")
    theirs = Caa("ca.test; accounturi=https://ca.test/acct/2; validationmethods=http-01")
    assert worst(WWW, mine, theirs) is Severity.PROBLEM


def test_one_method_of_several_that_is_allowed_is_enough_but_the_other_is_named() -> None:
    findings = judge_caa(
        WWW,
        CaaAnswer("example.com", (Caa("ca.test; validationmethods=dns-01"),)),
        identities=("ca.test",),
        methods=("http-01", "dns-01"),
    )
    assert [finding.severity for finding in findings] == [Severity.OK, Severity.WARNING]
    assert "http-01" in findings[1].what
    assert "dns-01" in findings[1].hint


def test_a_record_for_another_account_is_only_a_warning_before_we_have_one() -> None:
    assert worst(WWW, Caa(f"ca.test; accounturi={ACCOUNT}"), account_url="") is Severity.WARNING


def test_a_ca_that_does_not_say_its_name_is_not_judged() -> None:
    assert worst(WWW, Caa("ca.test"), identities=()) is Severity.NOTE


def test_what_a_ca_calls_itself_is_shown_without_its_control_characters() -> None:
    answer = CaaAnswer("example.com", (Caa("other.test"),))
    (finding,) = judge_caa(parse_identifier("www.example.com"), answer, identities=("ca.test\x1b[2J",))
    assert finding.hint.isprintable()


def test_a_forbidden_issuer_is_told_the_record_to_add() -> None:
    answer = CaaAnswer("example.com", (Caa("other.test"),))
    (finding,) = judge_caa(STAR, answer, identities=("ca.test",))
    assert "other.test" in finding.what
    assert 'example.com CAA 0 issue "ca.test"' in finding.hint


async def test_the_climb_stops_at_the_first_record_set() -> None:
    dns = FakeLookup(records={"example.com": [Caa("ca.test")], "com": [Caa(";")]})
    answer = await find_caa(parse_identifier("a.b.example.com"), dns)
    assert answer.owner == "example.com"
    assert [name for _, name in dns.asked] == ["a.b.example.com", "b.example.com", "example.com"]


async def test_an_alias_is_followed_for_the_set_but_the_climb_goes_on_from_the_name() -> None:
    dns = FakeLookup(aliases={"www.example.com": "cdn.net"}, records={"net": [Caa(";")], "com": [Caa("ca.test")]})
    assert (await find_caa(WWW, dns)).owner == "com"
    dns.records["cdn.net"] = [Caa("other.test")]
    assert (await find_caa(WWW, dns)).records == (Caa("other.test"),)


async def test_the_climb_of_a_wildcard_starts_at_its_base() -> None:
    dns = FakeLookup(records={"example.com": [Caa("ca.test")]})
    assert (await find_caa(STAR, dns)).owner == "example.com"


async def test_a_failed_question_is_a_problem_and_not_permission() -> None:
    dns = FakeLookup(broken={"example.com"}, records={"com": [Caa("ca.test")]})
    answer = await find_caa(WWW, dns)
    (finding,) = judge_caa(WWW, answer, identities=("ca.test",))
    assert (finding.severity, "example.com" in finding.what) == (Severity.PROBLEM, True)


def test_no_record_anywhere_permits_every_ca() -> None:
    (finding,) = judge_caa(WWW, CaaAnswer(), identities=("ca.test",))
    assert finding.severity is Severity.OK


@given(
    value=st.text(max_size=300),
    tag=st.sampled_from(["issue", "issuewild", "x"]) | st.text(max_size=20),
    flags=st.integers(0, 255),
)
def test_any_record_gets_a_verdict_that_is_short_and_printable(value: str, tag: str, flags: int) -> None:
    for name in (WWW, STAR):
        findings = judge_caa(
            name, CaaAnswer("example.com", (Caa(value, tag, flags),)), identities=("ca.test",), methods=("dns-01",)
        )
        assert findings
        assert all(len(finding.what) < 400 and finding.what.isprintable() for finding in findings)
