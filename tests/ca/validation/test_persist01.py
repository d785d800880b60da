"""dns-persist-01, in the forms of drafts -00, -01 and -02."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import Problem, ProblemType
from evercert.base.probe import Outcome
from evercert.ca.validation.claim import Claim
from evercert.ca.validation.validate import validate
from tests.ca.validation.given import ACCOUNT, NOW, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork, no_answer

NAME = "_validation-persist.example.com"
PREFIX = "https://ca.example/account-hash/"
# The vector of draft -02, and its twin for any domain.
HASH = f"{PREFIX}sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
ANY_HASH = f"{PREFIX}sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"
FUTURE, PAST = int((NOW + timedelta(days=90)).timestamp()), int((NOW - timedelta(seconds=1)).timestamp())


def persist(name: str = "example.com", **more: object) -> Claim:
    return claim("dns-persist-01", name, **{"issuer_names": ("ca.example", "authority.example"), **more})


def records(*values: str) -> FakeNetwork:
    return FakeNetwork(texts={NAME: [value.encode() for value in values]})


@pytest.mark.parametrize(
    "value",
    [
        f"ca.example; accounturi={ACCOUNT}",
        f"authority.example; accounturi={ACCOUNT}",
        f"  CA.example ;accounturi = {ACCOUNT} ",
        f"ca.example; AccountURI={ACCOUNT}; policy=wildcard",
        f"ca.example; accounturi={ACCOUNT}; policy=something",
        f"ca.example; accounturi={ACCOUNT}; unknown=x; unknown=y",
        f"ca.example; accounturi={ACCOUNT}; persistUntil={FUTURE}",
        f"ca.example; persistuntil={FUTURE}; accounturi={ACCOUNT}",
        f"ca.example; accounturi={ACCOUNT}; persistUntil=999999999999999999",
    ],
)
async def test_a_record_with_the_accounts_url_proves_the_name(value: str) -> None:
    await proved(persist(), reach(records(value)))


async def test_draft_02s_vectors_prove_the_name() -> None:
    wanted = persist(account_hash_prefix=PREFIX, accepts_account_url=False)
    for account in (HASH, ANY_HASH):
        await proved(wanted, reach(records(f"ca.example; accounturi={account}")))
    await refused(wanted, reach(records(f"ca.example; accounturi={ACCOUNT}")), ProblemType.UNAUTHORIZED)


async def test_a_hash_is_for_its_domain_and_the_wildcards_is_that_of_its_base() -> None:
    network = records(f"ca.example; accounturi={HASH}; policy=wildcard")
    network.texts["_validation-persist.other.com"] = network.texts[NAME]
    more = {"account_hash_prefix": PREFIX, "accepts_account_url": False}
    await proved(persist("*.example.com", **more), reach(network))
    await refused(persist("other.com", **more), reach(network), ProblemType.UNAUTHORIZED)


async def test_records_from_before_a_key_change_still_hold() -> None:
    network = records(f"ca.example; accounturi={HASH}")
    old = persist(account_hash_prefix=PREFIX, accepts_account_url=False)
    changed = replace(old, thumbprint="x" * 43)
    await refused(changed, reach(network), ProblemType.UNAUTHORIZED)
    await proved(replace(changed, former_thumbprints=("y" * 43, old.thumbprint)), reach(network))


async def test_a_ca_that_speaks_no_hashes_takes_none() -> None:
    await refused(persist(), reach(records(f"ca.example; accounturi={HASH}")), ProblemType.UNAUTHORIZED)


@pytest.mark.parametrize(
    "value",
    [
        f"other.example; accounturi={ACCOUNT}",
        "ca.example; accounturi=https://ca.example/acct/124",
        f"ca.example; accounturi={ACCOUNT.upper()}",
        f"ca.example; accounturi={ACCOUNT}; persistUntil={PAST}",
        f"ca.example; accounturi={ACCOUNT}; persistUntil=0",
        "",
        "v=spf1 -all",
    ],
)
async def test_what_is_for_others_or_has_ended_is_unauthorized(value: str) -> None:
    await refused(persist(), reach(records(value)), ProblemType.UNAUTHORIZED)


@pytest.mark.parametrize(
    "value",
    [
        "ca.example",
        "ca.example;",
        f"ca.example; accounturi={ACCOUNT};",
        f"ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}",
        f"ca.example; accounturi={ACCOUNT}; AccountUri=x",
        f"ca.example; accounturi={ACCOUNT}; policy=wildcard; policy=wildcard",
        f"ca.example; accounturi={ACCOUNT}; persistUntil={FUTURE}; persistUntil={FUTURE}",
        f"ca.example; accounturi={ACCOUNT}; persistUntil=tomorrow",
        f"ca.example; accounturi={ACCOUNT}; persistUntil=-1",
        f"ca.example; accounturi={ACCOUNT}; persistUntil=",
        "ca.example; accounturi=",
        "ca.example; accounturi",
        "ca.example; accounturi=a b",
        f"ca.example; accounturi={ACCOUNT}é",
        f"ca.example; =x; accounturi={ACCOUNT}",
    ],
)
async def test_a_record_of_ours_that_is_none_is_malformed(value: str) -> None:
    await refused(persist(), reach(records(value)), ProblemType.MALFORMED)


async def test_one_good_record_among_bad_ones_is_enough() -> None:
    good = f"ca.example; accounturi={ACCOUNT}"
    await proved(
        persist(), reach(records("ca.example;", "other.example; accounturi=x", f"{good}; persistUntil=1", good))
    )


async def test_a_wildcard_wants_its_policy() -> None:
    bare = f"ca.example; accounturi={ACCOUNT}"
    await refused(persist("*.example.com"), reach(records(bare)), ProblemType.UNAUTHORIZED)
    await proved(persist("*.example.com"), reach(records(bare, f"{bare}; policy=WildCard")))


async def test_the_proof_lasts_as_long_as_its_longest_record() -> None:
    good = f"ca.example; accounturi={ACCOUNT}"
    soon = f"{good}; persistUntil={int(NOW.timestamp())}"
    late = f"{good}; persistUntil={FUTURE}"
    assert (await proved(persist(), reach(records(soon)))).until == NOW
    assert (await proved(persist(), reach(records(soon, late)))).until == datetime.fromtimestamp(FUTURE, UTC)
    assert (await proved(persist(), reach(records(soon, late, good)))).until is None


async def test_no_record_is_unauthorized_and_no_answer_is_a_dns_problem() -> None:
    await refused(persist(), reach(FakeNetwork(texts={NAME: no_answer(Outcome.NO_DATA)})), ProblemType.UNAUTHORIZED)
    for outcome in (Outcome.NO_NAME, Outcome.FAILED, Outcome.BOGUS, Outcome.SILENT):
        await refused(persist(), reach(FakeNetwork(texts={NAME: no_answer(outcome)})), ProblemType.DNS)


async def test_an_address_is_not_proved_by_dns() -> None:
    await refused(persist("198.41.0.4"), reach(FakeNetwork()), ProblemType.MALFORMED)


@given(st.lists(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"ca.example;{text}".encode())))
async def test_any_records_are_a_proof_or_a_problem_that_repeats_none_of_them(values: list[bytes]) -> None:
    network = FakeNetwork(texts={NAME: values})
    try:
        await validate(persist(), reach(network), now=NOW)
    except Problem as problem:
        kinds = {ProblemType.MALFORMED, ProblemType.UNAUTHORIZED}
        assert problem.type in kinds and problem.detail.isascii()  # noqa: PT017, PT018 - either is right
