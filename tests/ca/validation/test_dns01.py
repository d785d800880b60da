"""dns-01 and dns-account-01 without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evercert.acme.challenge import dns_value
from evercert.acme.problem import ProblemType
from evercert.base.probe import Outcome
from tests.ca.validation.given import THUMBPRINT, TOKEN, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork, no_answer

DIGEST = dns_value(f"{TOKEN}.{THUMBPRINT}").encode()
NAME = "_acme-challenge.example.com"


@pytest.mark.parametrize("name", ["example.com", "*.example.com"])
async def test_the_digest_proves_the_name_and_its_wildcard(name: str) -> None:
    await proved(claim("dns-01", name), reach(FakeNetwork(texts={NAME: [b"other", DIGEST]})))


async def test_dns_account_01_has_a_name_of_the_accounts_own() -> None:
    # draft-ietf-acme-dns-account-label, the example of §3.
    wanted = claim("dns-account-01", "example.com")
    account = "https://example.com/acme/acct/ExampleAccount"
    network = FakeNetwork(texts={f"_ujmmovf2vn55tgye.{NAME}": [DIGEST]})
    await proved(replace(wanted, account_url=account), reach(network))
    await refused(wanted, reach(network), ProblemType.DNS)
    await refused(claim("dns-01", "example.com"), reach(network), ProblemType.DNS)


@pytest.mark.parametrize("value", [b"", DIGEST[:-1], DIGEST + b"=", b'"' + DIGEST + b'"', DIGEST.lower()])
async def test_another_value_is_an_incorrect_response(value: bytes) -> None:
    problem = await refused(
        claim("dns-01", "example.com"), reach(FakeNetwork(texts={NAME: [value]})), ProblemType.INCORRECT_RESPONSE
    )
    assert NAME in problem.detail


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.NO_NAME, ProblemType.DNS),
        (Outcome.NO_DATA, ProblemType.INCORRECT_RESPONSE),
        (Outcome.BOGUS, ProblemType.DNS),
        (Outcome.FAILED, ProblemType.DNS),
        (Outcome.SILENT, ProblemType.DNS),
    ],
)
async def test_no_value_is_told_by_its_kind(outcome: Outcome, kind: ProblemType) -> None:
    network = FakeNetwork(texts={NAME: no_answer(outcome)})
    assert NAME in (await refused(claim("dns-01", "example.com"), reach(network), kind)).detail


@pytest.mark.parametrize("challenge", ["dns-01", "dns-account-01"])
async def test_an_address_is_not_proved_by_dns(challenge: str) -> None:
    await refused(claim(challenge, "198.41.0.4"), reach(FakeNetwork()), ProblemType.MALFORMED)
