"""CAA at issuance: the modes, and which records let this CA issue."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import parse_identifier
from evercert.base.probe import CaaRecord, Outcome
from evercert.ca.validation.caa import CaaMode, CaaRules, ToIssue, check_caa
from evercert.ca.validation.network import Asked
from tests.ca.validation.given import ACCOUNT
from tests.fakes.validated_network import FakeNetwork, no_answer

OURS = ("ca.example", "authority.example")


def issue(value: str, tag: str = "issue", flags: int = 0) -> CaaRecord:
    return CaaRecord(flags, tag, value)


async def verdict(
    records: dict[str, Any], *names: str, mode: CaaMode = CaaMode.STRICT, method: str = "http-01"
) -> Problem | None:
    wanted = [ToIssue(parse_identifier(name), method) for name in names or ("www.example.com",)]
    try:
        await check_caa(wanted, ACCOUNT, CaaRules(mode, OURS), FakeNetwork(records=records))
    except Problem as problem:
        return problem
    return None


@pytest.mark.parametrize(
    ("records", "permitted"),
    [
        ([issue("ca.example")], True),
        ([issue("AUTHORITY.example")], True),
        ([issue("other.example"), issue(" ca.example ; ")], True),
        ([issue("ca.example", "ISSUE")], True),
        ([issue("other.example")], False),
        ([issue(";")], False),
        ([issue("")], False),
        ([issue("ca.example.evil.example")], False),
        ([issue("ca.example garbage")], False),
        ([issue("ca.example; x=a b")], False),
        ([issue("%%%%%")], False),
        ([issue("mailto:a@example.com", "iodef")], True),
        ([issue(";", "issuewild")], True),
        ([issue("other.example", "issuemail")], True),
        ([issue("x", "future", 128), issue("ca.example")], False),
        ([issue("x", "future", 0), issue("ca.example")], True),
        ([issue("mailto:a@example.com", "iodef", 128)], True),
        ([issue(f"ca.example; accounturi={ACCOUNT}")], True),
        ([issue(f"ca.example; accounturi={ACCOUNT}4")], False),
        ([issue("ca.example; accounturi=")], False),
        ([issue(f"ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}")], False),
        ([issue("ca.example; validationmethods=dns-01,http-01")], True),
        ([issue("ca.example; validationmethods=dns-01")], False),
        ([issue("ca.example; validationmethods=")], False),
        ([issue("ca.example; validationmethods=http-01; validationmethods=http-01")], False),
        (
            [issue(f"ca.example; accounturi={ACCOUNT}; validationmethods=dns-01"), issue("ca.example; accounturi=x")],
            False,
        ),
    ],
)
async def test_a_record_set_permits_or_forbids(records: list[CaaRecord], permitted: bool) -> None:
    for mode in (CaaMode.STRICT, CaaMode.LENIENT):
        problem = await verdict({"example.com": records, "www.example.com": []}, mode=mode)
        assert (problem is None) is permitted
        assert problem is None or problem.type is ProblemType.CAA


async def test_the_nearest_set_above_a_name_counts() -> None:
    near = {"www.example.com": [issue("ca.example")], "example.com": [issue(";")], "com": [issue(";")]}
    assert await verdict(near) is None
    assert await verdict({**near, "www.example.com": []}) is not None
    assert await verdict({"com": [issue(";")]}) is not None
    assert await verdict({}) is None


async def test_a_wildcard_has_a_property_of_its_own() -> None:
    records = {"example.com": [issue("ca.example"), issue(";", "issuewild")]}
    assert await verdict(records, "example.com") is None
    assert await verdict(records, "*.example.com") is not None
    records = {"example.com": [issue(";"), issue("ca.example", "issuewild")]}
    assert await verdict(records, "example.com") is not None
    assert await verdict(records, "*.example.com") is None
    assert await verdict({"example.com": [issue(";")]}, "*.example.com") is not None


async def test_a_name_that_no_challenge_proved_meets_no_list_of_methods() -> None:
    records = {"example.com": [issue("ca.example; validationmethods=")]}
    assert await verdict(records, "example.com", method="") is not None
    assert await verdict({"example.com": [issue("ca.example")]}, "example.com", method="") is None


@pytest.mark.parametrize(
    ("outcome", "lenient", "strict"),
    [
        (Outcome.NO_NAME, True, True),
        (Outcome.NO_DATA, True, True),
        (Outcome.FAILED, True, False),
        (Outcome.SILENT, True, False),
        (Outcome.BOGUS, False, False),
    ],
)
@pytest.mark.parametrize("owner", ["www.example.com", "example.com", "com"])
async def test_a_question_without_an_answer_is_a_denial_by_the_mode(
    owner: str, outcome: Outcome, lenient: bool, strict: bool
) -> None:
    records = {owner: no_answer(outcome)}
    assert (await verdict(records, mode=CaaMode.LENIENT) is None) is lenient
    assert (await verdict(records, mode=CaaMode.STRICT) is None) is strict
    problem = await verdict(records, mode=CaaMode.STRICT)
    assert problem is None or (problem.type is ProblemType.DNS and owner in problem.detail)


async def test_lenient_still_obeys_what_it_finds_above_a_zone_that_fails() -> None:
    records = {"www.example.com": no_answer(Outcome.FAILED), "example.com": [issue("other.example")]}
    problem = await verdict(records, mode=CaaMode.LENIENT)
    assert problem is not None
    assert problem.type is ProblemType.CAA


async def test_a_failure_above_the_set_that_counts_is_of_no_interest() -> None:
    records = {"www.example.com": [issue("ca.example")], "com": no_answer(Outcome.FAILED)}
    assert await verdict(records) is None


async def test_off_asks_nothing_and_an_address_has_none() -> None:
    assert await verdict({"com": [issue(";")]}, mode=CaaMode.OFF) is None
    network = FakeNetwork()
    wanted = [ToIssue(parse_identifier("198.41.0.4"), "http-01")]
    await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.STRICT, OURS), network)
    assert network.asked == []


async def test_each_name_is_asked_for_once_and_written_down() -> None:
    network, asked = FakeNetwork(), list[Asked]()
    wanted = [ToIssue(parse_identifier(f"{each}.example.com"), "dns-01") for each in ("a", "b", "*.a")]
    await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.STRICT, OURS), network, asked=asked)
    assert sorted(network.asked) == sorted(
        ("CAA", name) for name in ("a.example.com", "b.example.com", "example.com", "com")
    )
    assert len(asked) == 4


async def test_several_refusals_are_told_name_by_name() -> None:
    problem = await verdict({"a.com": [issue(";")], "b.com": no_answer(Outcome.FAILED)}, "a.com", "b.com", "c.com")
    assert problem is not None
    assert problem.type is ProblemType.CAA
    assert [(each.name, each.type) for each in problem.subproblems] == [
        ("a.com", ProblemType.CAA),
        ("b.com", ProblemType.DNS),
    ]


@given(
    st.lists(
        st.builds(CaaRecord, st.integers(0, 255), st.sampled_from(["issue", "x"]) | st.text(), st.text()), max_size=5
    )
)
async def test_any_record_gets_a_verdict_that_repeats_none_of_it(records: list[CaaRecord]) -> None:
    problem = await verdict({"example.com": records}, "*.example.com")
    if problem is not None:
        assert problem.type is ProblemType.CAA
        assert problem.detail.isascii()
