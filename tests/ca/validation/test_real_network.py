"""Validations over real DNS servers: BIND, which follows aliases and validates signatures, and one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.acme.challenge import dns_account_name, dns_value
from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import parse_identifier
from evercert.base.probe import Outcome
from evercert.ca.validation.caa import CaaMode, CaaRules, ToIssue, check_caa
from evercert.net.validating.network import ValidatingNetwork
from tests.ca.incidents.given import PROOF, answering, loopback, page
from tests.ca.validation.given import ACCOUNT, claim, proved, refused
from tests.fakes.peer import Peer
from tests.peers.bind import Bind
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.place import Machine
from tests.peers.signed import SignedBind

DIGEST = dns_value(PROOF.decode())
ACCOUNT_NAME = dns_account_name(parse_identifier("example.test"), ACCOUNT).removesuffix(".example.test")
LONG = f"ca.example; accounturi={ACCOUNT}; policy=wildcard; comment={'x' * 300}"
ZONE = f"""
@ A 127.0.0.1
@ CAA 0 issue "ca.example; validationmethods=dns-01"
www A 127.0.0.1
www AAAA ::1
_acme-challenge TXT "something else"
_acme-challenge TXT "{DIGEST}"
_acme-challenge.alias CNAME here.other.test.
{ACCOUNT_NAME} TXT "{DIGEST}"
_validation-persist TXT "{LONG[:250]}" "{LONG[250:]}"
_validation-persist TXT "other.example; accounturi=x"
empty.between A 127.0.0.1
caa CNAME here.other.test.
"""
OTHER = f"""
here TXT "{DIGEST}"
here CAA 0 issue "another.example"
"""


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    place = Machine(tmp_path_factory.mktemp("bind"))
    with Bind(place, {"example.test": ZONE, "other.test": OTHER}, recursive=True) as running:
        yield running


@pytest.mark.parametrize("name", ["example.test", "*.example.test", "alias.example.test"])
async def test_dns_01_is_proved_by_one_of_several_records_and_through_an_alias(bind: Bind, name: str) -> None:
    await proved(claim("dns-01", name), loopback(bind.address))


async def test_dns_account_01_is_proved_at_its_own_name(bind: Bind) -> None:
    await proved(claim("dns-account-01", "example.test"), loopback(bind.address))


async def test_dns_persist_01_is_proved_by_a_record_in_two_strings(bind: Bind) -> None:
    for name in ("example.test", "*.example.test"):
        await proved(claim("dns-persist-01", name, issuer_names=("ca.example",)), loopback(bind.address))


async def test_what_is_not_there_is_told_apart(bind: Bind) -> None:
    await refused(claim("dns-01", "www.example.test"), loopback(bind.address), ProblemType.DNS)
    network = ValidatingNetwork([bind.address])
    assert (await network.txt("www.example.test")).outcome is Outcome.NO_DATA
    assert (await network.txt("between.example.test")).outcome is Outcome.NO_DATA
    assert (await network.txt("nobody.example.test")).outcome is Outcome.NO_NAME


async def test_http_01_is_asked_over_ipv6_first(bind: Bind) -> None:
    with Peer(answering(page())) as four, Peer(answering(page()), address="::1", port=four.port) as six:
        seen = await proved(claim("http-01", "www.example.test"), loopback(bind.address, http_port=four.port))
        assert (four.accepted, six.accepted) == (0, 1)
    assert seen.asked[-1].at == f"[::1]:{four.port}"


async def test_caa_is_found_above_the_name_and_through_an_alias(bind: Bind) -> None:
    network, rules = ValidatingNetwork([bind.address]), CaaRules(CaaMode.STRICT, ("ca.example",))
    deep = ToIssue(parse_identifier("a.b.www.example.test"), "dns-01")
    # `test` is nobody's zone here, so the server refuses: but the set below it counts.
    await check_caa([deep], ACCOUNT, rules, network)
    for name, method in (("a.www.example.test", "http-01"), ("caa.example.test", "dns-01")):
        with pytest.raises(Problem) as raised:
            await check_caa([ToIssue(parse_identifier(name), method)], ACCOUNT, rules, network)
        assert raised.value.type is ProblemType.CAA


async def test_a_zone_that_fails_is_a_denial_by_the_mode(tmp_path: Path) -> None:
    wanted = [ToIssue(parse_identifier("www.broken.test"), "http-01")]
    with Challtestsrv(Machine(tmp_path)) as names:
        names.set_servfail("broken.test")
        network = ValidatingNetwork([names.address])
        await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.LENIENT), network)
        with pytest.raises(Problem) as raised:
            await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.STRICT), network)
    assert raised.value.type is ProblemType.DNS
    assert "answered SERVFAIL" in raised.value.detail


async def test_signatures_are_vouched_for_or_found_wrong(tmp_path: Path) -> None:
    lines = 'www A 192.0.2.1\n_acme-challenge.www TXT "192.0.2.1"\n@ CAA 0 issue "192.0.2.1"\n'
    zones = {"good.test": lines, "bad.test": lines}
    with SignedBind(Machine(tmp_path), zones, spoilt=frozenset({"bad.test"})) as resolver:
        network = ValidatingNetwork([resolver.address])
        good = await network.addresses("www.good.test")
        assert (good.outcome, good.records, good.authentic) == (Outcome.FOUND, ("192.0.2.1",), True)
        assert (await network.addresses("nobody.good.test")).outcome is Outcome.NO_NAME
        assert (await network.addresses("www.bad.test")).outcome is Outcome.BOGUS
        for challenge in ("http-01", "dns-01", "tls-alpn-01"):
            problem = await refused(claim(challenge, "www.bad.test"), loopback(resolver.address), ProblemType.DNS)
            assert "DNSSEC" in problem.detail
        wanted = [ToIssue(parse_identifier("bad.test"), "dns-01")]
        with pytest.raises(Problem) as raised:
            await check_caa(wanted, ACCOUNT, CaaRules(CaaMode.LENIENT), network)
        assert raised.value.type is ProblemType.DNS
