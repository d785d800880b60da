"""The names of an order: what can be certified at all, what the profile takes, and what is said of each that is not."""

from __future__ import annotations

import msgspec
import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier, parse_identifiers
from evercert.ca.profiles.names import check_names
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.protocol.wanted import Wanted, wanted_identifiers

DEFAULT = BUILT_IN["default"]


def refused(*names: str, **fields: object) -> Problem:
    with pytest.raises(Problem) as caught:
        check_names(parse_identifiers(names), msgspec.structs.replace(DEFAULT, **fields))
    return caught.value


def asked(kind: str, value: str) -> Problem:
    with pytest.raises(Problem) as caught:
        wanted_identifiers([Wanted(kind, value)], DEFAULT, subdomains=False)
    return caught.value


def test_good_names_of_every_kind_pass() -> None:
    check_names(parse_identifiers(["a.test", "*.b.test", "10.0.0.1", "2001:db8::1", "münchen.test"]), DEFAULT)


@pytest.mark.parametrize("value", ["127.0.0.1", "[::1]", "x.127.0.0.1", "a.1", "1"])
def test_an_address_as_a_dns_name_is_rejected(value: str) -> None:
    """Dogtag #5407; ietf-wg-acme/acme#136: the last label is a number."""
    assert asked("dns", value).type is ProblemType.REJECTED_IDENTIFIER


@pytest.mark.parametrize("value", ["a..test", "a_b.test", "-a.test", "a.test\0", "a b.test", "a.*.test", "", "*"])
def test_what_is_no_name_is_rejected(value: str) -> None:
    assert asked("dns", value).type is ProblemType.REJECTED_IDENTIFIER


@pytest.mark.parametrize(
    "name", ["1.0.0.127.in-addr.arpa", "in-addr.arpa", "IP6.ARPA.", "x.ip6.arpa", "*.168.192.in-addr.arpa"]
)
def test_names_of_the_reverse_zones_are_rejected(name: str) -> None:
    assert "reverse" in refused(name).detail


@pytest.mark.parametrize(
    "name", [f"xn--{'Ü'.encode('punycode').decode()}.test", "xn--a.test", "ab--c.test", "xn--mnchen-3yA--x.test"]
)
def test_a_label_that_only_looks_encoded_is_rejected(name: str) -> None:
    """What it decodes to could be written in another way, or nobody can read it."""
    assert refused(name).type is ProblemType.REJECTED_IDENTIFIER


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"])
def test_an_address_of_nobody_or_in_disguise_is_rejected(address: str) -> None:
    assert refused(address, allow=("*",)).type is ProblemType.REJECTED_IDENTIFIER


def test_a_wildcard_and_a_name_that_it_covers_are_malformed() -> None:
    problem = refused("*.corp.test", "a.corp.test")
    assert problem.type is ProblemType.MALFORMED
    assert problem.name == "a.corp.test"
    check_names(parse_identifiers(["*.corp.test", "corp.test", "a.b.corp.test"]), DEFAULT)


def test_endless_subdomains_end_at_a_cap_of_labels() -> None:
    """Caddy on demand: `a.b.c...` for ever."""
    assert "10 labels" in refused(".".join("abcdefghij") + ".test").detail
    check_names(parse_identifiers([".".join("abcdefghi") + ".test"]), DEFAULT)


def test_a_wildcard_of_a_whole_top_level_is_rejected_unless_the_profile_takes_it() -> None:
    assert "2 labels" in refused("*.internal").detail
    check_names(parse_identifiers(["*.internal"]), msgspec.structs.replace(DEFAULT, wildcard_labels=1))


def test_kinds_that_the_profile_does_not_take() -> None:
    assert refused("*.a.test", names=("dns",)).type is ProblemType.REJECTED_IDENTIFIER
    assert refused("10.0.0.1", names=("dns", "wildcard")).type is ProblemType.REJECTED_IDENTIFIER
    device = Identifier("permanent-identifier", "SN-1")
    with pytest.raises(Problem) as caught:
        check_names([device], DEFAULT)
    assert caught.value.type is ProblemType.UNSUPPORTED_IDENTIFIER
    check_names([device], msgspec.structs.replace(DEFAULT, names=("permanent-identifier",), allow=()))


def test_every_bad_name_has_a_subproblem_of_its_own() -> None:
    problem = refused("ok.corp.test", "a.evil.test", "b.evil.test", allow=(".corp.test",))
    assert problem.type is ProblemType.REJECTED_IDENTIFIER
    assert [each.name for each in problem.subproblems] == ["a.evil.test", "b.evil.test"]


def test_faults_of_different_types_are_a_compound() -> None:
    problem = refused("*.corp.test", "a.corp.test", "x.ip6.arpa")
    assert problem.type is ProblemType.COMPOUND
    assert {each.type for each in problem.subproblems} == {ProblemType.MALFORMED, ProblemType.REJECTED_IDENTIFIER}


def test_an_order_has_at_least_one_name_and_no_more_than_the_profile_takes() -> None:
    assert refused().type is ProblemType.MALFORMED
    assert refused("a.test", "b.test", max_names=1).type is ProblemType.MALFORMED


@pytest.mark.parametrize("value", ["EXAMPLE.internal.", "example.INTERNAL", "Example.Internal"])
def test_a_policy_is_not_bypassed_by_another_spelling(value: str) -> None:
    profile = Profile(name="p", allow=("*",), deny=("example.internal",))
    with pytest.raises(Problem):
        wanted_identifiers([Wanted("dns", value)], profile, subdomains=False)
