"""What a challenge's answer is and where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.challenge import dns_value
from evercert.acme.wire import Authorization, Challenge, Meta
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.model.fact import Presented
from evercert.model.intent import ChallengeRule
from evercert.solve.response import CHALLENGE_TYPES, payload_for, response_to
from evercert.solve.txt import quoted, unquoted

JWK = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
ACCOUNT = "https://example.com/acme/acct/ExampleAccount"


def answer(
    kind: str,
    identifier: Identifier,
    options: dict[str, str] | None = None,
    *,
    wildcard: bool = False,
    **challenge: Any,
) -> Presented:
    asked = Challenge(type=kind, url="https://ca.test/chall/1", **({"token": "token"} | challenge))
    authorization = Authorization(identifier=identifier, status="pending", challenges=(asked,), wildcard=wildcard)
    rule = ChallengeRule(kind, "somehow", options or {})
    return response_to(asked, authorization, rule, issuance_id=7, jwk=JWK, account_url=ACCOUNT, meta=Meta())


WWW = Identifier("dns", "www.example.com")


def test_http01_stands_at_its_path_and_is_the_key_authorization() -> None:
    item = answer("http-01", Identifier("ip", "192.0.2.1"))
    assert item.place == "/.well-known/acme-challenge/token"
    assert item.content.startswith("token.")
    assert (item.id, item.issuance_id, item.identifier_type, item.solver) == (0, 7, "ip", "somehow")


@pytest.mark.parametrize(
    ("identifier", "place"), [(WWW, WWW.value), (Identifier("ip", "192.0.2.1"), "1.2.0.192.in-addr.arpa")]
)
def test_tls_alpn01_stands_at_the_name_that_the_ca_asks_for(identifier: Identifier, place: str) -> None:
    assert answer("tls-alpn-01", identifier).place == place


def test_dns01_stands_at_one_name_for_a_wildcard_and_its_apex() -> None:
    apex = answer("dns-01", Identifier("dns", "example.com"))
    wildcard = answer("dns-01", Identifier("dns", "example.com"), wildcard=True)
    assert apex.place == wildcard.place == "_acme-challenge.example.com"
    key_authorization = answer("http-01", WWW).content
    assert apex.content == dns_value(key_authorization)


def test_dns_account01_stands_at_the_label_of_the_drafts_vector() -> None:
    item = answer("dns-account-01", Identifier("dns", "example.org"))
    assert item.place == "_ujmmovf2vn55tgye._acme-challenge.example.org"


def test_dns_persist01_names_issuer_account_policy_and_end() -> None:
    options = {"wildcard": "yes", "persist_until": "2030-01-01"}
    item = answer("dns-persist-01", WWW, options, token="", issuer_domain_names_01=("ca.test",))
    assert item.place == "_validation-persist.www.example.com"
    assert item.content == f"ca.test; accounturi={ACCOUNT}; policy=wildcard; persistUntil=1893456000"
    plain = answer("dns-persist-01", WWW, token="", issuer_domain_names_01=("ca.test",))
    assert plain.content == f"ca.test; accounturi={ACCOUNT}"


def test_a_wildcard_asks_for_the_wildcard_policy_by_itself() -> None:
    item = answer("dns-persist-01", WWW, wildcard=True, token="", issuer_domain_names_01=("ca.test",))
    assert item.content.endswith("; policy=wildcard")


def test_an_end_that_is_no_date_is_refused() -> None:
    with pytest.raises(EvercertError, match="persist_until is a date"):
        answer("dns-persist-01", WWW, {"persist_until": "soon"}, token="", issuer_domain_names_01=("ca.test",))


def test_a_type_that_is_not_solved_here_is_refused() -> None:
    with pytest.raises(EvercertError, match="not solved here"):
        answer("device-attest-01", WWW)


@pytest.mark.parametrize("token", ["", "../x", "a/b", "a b", "a\n", "ü", "x" * 1000])
@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01", "dns-01", "dns-account-01"])
def test_a_token_that_cannot_be_one_is_refused(kind: str, token: str) -> None:
    with pytest.raises(EvercertError, match="cannot be one"):
        answer(kind, WWW, token=token)


@pytest.mark.parametrize("kind", CHALLENGE_TYPES)
def test_every_type_is_answered_with_an_empty_object(kind: str) -> None:
    assert payload_for(Challenge(type=kind, url="https://ca.test/1", token="token")) == {}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=600))
def test_quoting_a_value_and_reading_it_gives_it_back(value: str) -> None:
    content = quoted(value)
    assert unquoted(content) == value
    assert all(len(unquoted(piece)) <= 255 for piece in content.split('" "'))


@given(st.text())
def test_no_content_breaks_the_reader(content: str) -> None:
    assert isinstance(unquoted(content), str)


def test_decimal_escapes_are_read_as_zone_files_write_them() -> None:
    assert unquoted('"a\\059b" "c"') == "a;bc"
