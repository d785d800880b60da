"""Incidents of CAs that looked CAA up, and not for every name, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier, parse_identifiers
from evercert.base.probe import CaaRecord, Outcome
from evercert.ca.validation.caa import CaaMode, CaaRules, ToIssue, check_caa
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.ca.given import a_ca
from tests.ca.validation.given import ACCOUNT
from tests.fakes.validated_network import FakeNetwork, no_answer

NAMES = [f"name-{number}.example.com" for number in range(10)]
WANTED = [ToIssue(parse_identifier(name), "http-01") for name in NAMES]


@pytest.mark.parametrize("mode", [CaaMode.LENIENT, CaaMode.STRICT])
@pytest.mark.parametrize("forbidden", range(len(NAMES)))
async def test_boulder_2020_the_kth_of_many_names_is_looked_at_for_every_k(forbidden: int, mode: CaaMode) -> None:
    network = FakeNetwork(records={NAMES[forbidden]: [CaaRecord(0, "issue", ";")]})
    with pytest.raises(Problem) as raised:
        await check_caa(WANTED, ACCOUNT, CaaRules(mode, ("ca.example",)), network)
    assert raised.value.type is ProblemType.CAA
    assert raised.value.name == NAMES[forbidden]
    assert {("CAA", name) for name in NAMES} <= set(network.asked)


async def test_boulder_2020_names_that_are_all_permitted_are() -> None:
    network = FakeNetwork(records={name: [CaaRecord(0, "issue", "ca.example")] for name in NAMES})
    await check_caa(WANTED, ACCOUNT, CaaRules(CaaMode.STRICT, ("ca.example",)), network)


async def test_labca_147_a_private_zone_that_resolvers_do_not_find_is_no_denial_where_it_is_said_so() -> None:
    wanted = [ToIssue(parse_identifier("db.corp.internal"), "http-01")]
    records = {"db.corp.internal": no_answer(Outcome.FAILED), "corp.internal": no_answer(Outcome.SILENT)}
    rules = CaaRules(CaaMode.LENIENT, ("ca.example",))
    await check_caa(wanted, ACCOUNT, rules, FakeNetwork(records=records))
    with pytest.raises(Problem):
        await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.STRICT, ("ca.example",)), FakeNetwork(records=records))


async def test_django_ca_would_issue_for_google_and_we_do_not() -> None:
    network = FakeNetwork(records={"google.com": [CaaRecord(0, "issue", "pki.goog")]})
    wanted = [ToIssue(parse_identifier("www.google.com"), "")]
    with pytest.raises(Problem) as raised:
        await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.LENIENT, ("ca.example",)), network)
    assert raised.value.type is ProblemType.CAA


@pytest.mark.parametrize("forbidden", range(3))
async def test_boulder_2020_an_order_whose_kth_name_is_forbidden_is_given_up_for_every_k(
    tmp_path: Path, forbidden: int
) -> None:
    """CAA changes after all names were validated, and before the certificate is asked for."""
    async with a_ca(tmp_path / "ca") as world:
        client = await world.registered()
        identifiers = parse_identifiers(NAMES[:3])
        order = await client.new_order(identifiers)
        await world.prove(client, order)
        world.network.records[NAMES[forbidden]] = [CaaRecord(0, "issue", ";")]
        with pytest.raises(EvercertError) as raised:
            await client.finalize(order, build_csr(generate(KeyType.EC256), identifiers), 30)
    assert "caa: " in str(raised.value)
