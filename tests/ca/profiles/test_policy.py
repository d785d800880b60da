"""Name policies: however a name is written, it is one name; denied wins; what nothing allows is denied."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.ca.profiles.policy import NamePolicy, checked_uri, policy_from_json


def allows(name: str, *allow: str, deny: tuple[str, ...] = ()) -> bool:
    return NamePolicy(allow, deny).allows(parse_identifier(name))


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("www.corp.test", ["www.corp.test"], ["corp.test", "a.www.corp.test", "xwww.corp.test", "*.corp.test"]),
        (".corp.test", ["a.corp.test", "b.a.corp.test", "*.corp.test", "*.a.corp.test"], ["corp.test", "xcorp.test"]),
        ("*.corp.test", ["a.corp.test", "*.corp.test"], ["corp.test", "b.a.corp.test", "*.a.corp.test"]),
        (".internal", ["a.internal", "*.internal"], ["internal", "a.internal.test"]),
        ("10.0.0.0/8", ["10.1.2.3"], ["11.0.0.1", "::1", "a.corp.test"]),
        ("192.0.2.7", ["192.0.2.7"], ["192.0.2.8"]),
        ("2001:db8::/32", ["2001:db8::1", "[2001:DB8::2]"], ["2001:db9::1", "10.0.0.1"]),
        ("*", ["a.test", "*.a.test", "10.0.0.1", "::1"], []),
        ("MÜNCHEN.Corp.Test.", ["xn--mnchen-3ya.corp.test", "münchen.corp.test"], ["munchen.corp.test"]),
    ],
)
def test_an_entry_covers(entry: str, inside: list[str], outside: list[str]) -> None:
    assert [name for name in inside if not allows(name, entry)] == []
    assert [name for name in outside if allows(name, entry)] == []


def test_an_empty_list_allows_nothing() -> None:
    assert not allows("a.test")
    assert not allows("10.0.0.1")


@pytest.mark.parametrize(
    ("name", "deny"),
    [
        ("secret.corp.test", "secret.corp.test"),
        ("a.secret.corp.test", ".secret.corp.test"),
        ("*.secret.corp.test", ".secret.corp.test"),
        ("10.1.2.3", "10.1.0.0/16"),
        ("a.corp.test", "*"),
        # A wildcard is good for the very name that is denied.
        ("*.corp.test", "secret.corp.test"),
        ("*.corp.test", "*.corp.test"),
    ],
)
def test_denied_wins_over_allowed(name: str, deny: str) -> None:
    assert allows(name, "*", name)
    assert not allows(name, "*", name, deny=(deny,))


def test_a_wildcard_is_no_way_around_a_denied_subtree_nor_kept_from_names_beside_it() -> None:
    assert not allows("*.secret.corp.test", ".corp.test", deny=(".secret.corp.test",))
    assert allows("*.corp.test", ".corp.test", deny=(".secret.corp.test", "a.secret.corp.test"))


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda each: each[2:4] != "--")
names = st.lists(label, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "internal"]))
spellings = st.sampled_from([str.upper, str.title, str.swapcase, lambda name: name + ".", lambda name: f" {name} "])


@settings(deadline=None)
@given(names, st.lists(spellings, max_size=3))
def test_no_spelling_of_a_denied_name_gets_around_the_policy(name: str, spelt: list) -> None:  # type: ignore[type-arg]
    written = name
    for spelling in spelt:
        written = spelling(written.rstrip(". ").strip())
    assert not allows(written, "*", deny=(name,))
    assert not allows(written, "*", deny=(written.strip(),))
    assert not allows(f"a.{written.strip()}", "*", deny=(f".{name}",))
    assert allows(written, name)


@settings(deadline=None)
@given(names, names)
def test_allowed_means_in_one_list_and_not_in_the_other(name: str, entry: str) -> None:
    assert allows(name, entry) == (name == entry)
    assert allows(name, f".{entry}") == (name != entry and name.endswith(f".{entry}"))
    assert allows(name, "*", deny=(entry,)) == (name != entry)


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        (
            "spiffe://corp.test/ns/",
            ["spiffe://corp.test/ns/a", "spiffe://corp.test/ns/a/sa/b"],
            ["spiffe://corp.test/nsx", "spiffe://other.test/ns/a", "https://corp.test/ns/a"],
        ),
        ("spiffe://corp.test", ["spiffe://corp.test", "spiffe://corp.test/x"], ["spiffe://corp.test.evil.test/x"]),
        ("spiffe://corp.test/ns", ["spiffe://corp.test/ns", "spiffe://corp.test/ns/x"], ["spiffe://corp.test/nsx"]),
    ],
)
def test_a_uri_begins_like_its_entry_up_to_a_slash(entry: str, inside: list[str], outside: list[str]) -> None:
    policy = NamePolicy((entry,))
    assert [uri for uri in inside if not policy.allows_uri(checked_uri(uri))] == []
    assert [uri for uri in outside if policy.allows_uri(checked_uri(uri))] == []
    assert not NamePolicy((entry,), (entry,)).allows_uri(inside[0])


def test_everything_is_not_every_uri() -> None:
    assert not NamePolicy(("*",)).allows_uri("spiffe://corp.test/a")


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://corp.test/ns/../other",
        "spiffe://corp.test/./a",
        "spiffe://corp.test//a",
        "spiffe://corp.test/a/",
        "spiffe://corp.test/%2e%2e/a",
        "spiffe://CORP.test/a",
        "SPIFFE://corp.test/a",
        "spiffe://user@corp.test/a",
        "spiffe://corp.test:443/a",
        "spiffe://corp.test/a?b",
        "spiffe://corp.test/a#b",
        "spiffe://corp.test/a\n",
        "spiffe://corp.test/ä",
        "spiffe:///a",
        "urn:uuid:1",
        "",
        "spiffe://corp.test/" + "a" * 3000,
    ],
)
def test_a_uri_that_can_be_written_otherwise_is_none(uri: str) -> None:
    with pytest.raises(EvercertError, match="no URI"):
        checked_uri(uri)


@pytest.mark.parametrize(
    "entry",
    ["", ".", "*.", "*.*.test", "a..test", "a_b.test", "10.0.0.1/8", "10.0.0.0/33", "a b", "*.10.0.0.1", "x://", "**"],
)
def test_what_is_no_entry_is_refused_when_the_policy_is_made(entry: str) -> None:
    with pytest.raises(EvercertError, match="no entry"):
        NamePolicy((entry,))
    with pytest.raises(EvercertError, match="no entry"):
        NamePolicy(("*",), (entry,))


def test_a_policy_is_read_from_json() -> None:
    text = json.dumps({"allow": [".Corp.test"], "deny": ["a.corp.test"]})
    assert policy_from_json(text) == NamePolicy((".Corp.test",), ("a.corp.test",))
    for bad in ("", "[]", '{"allow": 1}'):
        with pytest.raises(EvercertError):
            policy_from_json(bad)
    with pytest.raises(EvercertError, match="no entry"):
        policy_from_json('{"allow": [".."]}')
