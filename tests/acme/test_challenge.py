from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme import challenge
from evercert.acme.jose import b64url
from evercert.acme.wire import Challenge, Meta
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from tests.vectors import vector

JWK = vector("rfc7638")["jwk"]
THUMBPRINT = vector("rfc7638")["thumbprint"]
PERSIST = vector("dns_persist")
NAME = Identifier("dns", "example.com")
WILDCARD = Identifier("dns", "*.example.com")


def test_a_key_authorization_is_token_and_thumbprint() -> None:
    assert challenge.key_authorization("t0k-en_", JWK) == f"t0k-en_.{THUMBPRINT}"


def test_http_01_is_answered_under_its_well_known_path() -> None:
    assert challenge.http_path("t0ken") == "/.well-known/acme-challenge/t0ken"


def test_dns_01_publishes_the_digest_of_the_key_authorization() -> None:
    proof = challenge.key_authorization("t0ken", JWK)
    assert challenge.dns_value(proof) == b64url(hashlib.sha256(proof.encode()).digest())
    assert challenge.acme_identifier_digest(proof) == hashlib.sha256(proof.encode()).digest()


def test_a_wildcard_and_its_apex_share_a_txt_name() -> None:
    assert challenge.dns01_name(NAME) == challenge.dns01_name(WILDCARD) == "_acme-challenge.example.com"


def test_dns_account_01_finds_the_draft_s_name() -> None:
    known = vector("dns_account")
    assert challenge.dns_account_name(parse_identifier(known["domain"]), known["account_url"]) == known["name"]


@pytest.mark.parametrize("place", [challenge.dns01_name, challenge.persist_name])
def test_an_ip_address_is_not_proved_by_dns(place: object) -> None:
    with pytest.raises(EvercertError, match="not proved by DNS") as caught:
        place(Identifier("ip", "192.0.2.1"))  # type: ignore[operator]
    assert caught.value.code.name == "no-challenge"


@pytest.mark.parametrize(
    "token", ["../../etc/cron.d/x", "", "a/b", "a.b", "a b", "a\n", "a\x00", "ä", "x" * 129, "%2e%2e"]
)
def test_a_token_that_cannot_be_one_goes_nowhere(token: str) -> None:
    for use in (challenge.checked_token, challenge.http_path, lambda each: challenge.key_authorization(each, JWK)):
        with pytest.raises(EvercertError, match="token"):
            use(token)


@given(st.text(max_size=200))
def test_a_path_never_leaves_its_folder(token: str) -> None:
    with suppress(EvercertError):
        assert challenge.http_path(token).count("/") == 3


def persist(old: tuple[str, ...] = (), new: tuple[str, ...] = (), accounturi: str = "") -> Challenge:
    return Challenge(
        type="dns-persist-01",
        issuer_domain_names_01=old,
        issuer_domain_names=new,
        accounturi=accounturi,
        url="https://x",
    )


META = Meta(account_hash_prefix=PERSIST["prefix"])


def record(asked: Challenge, meta: Meta = META, identifier: Identifier = NAME, **options: object) -> str:
    account = PERSIST["account_url"]
    return challenge.persist_record(asked, meta, account, PERSIST["thumbprint"], identifier, **options)  # type: ignore[arg-type]


def test_draft_01_wants_the_account_url_itself() -> None:
    assert record(persist(old=("ca.example",))) == f"ca.example; accounturi={PERSIST['account_url']}"
    assert record(persist(old=("ca.example",), accounturi=PERSIST["account_url"])).startswith("ca.example; ")


def test_draft_02_wants_the_hash_over_domain_key_and_account() -> None:
    assert record(persist(new=("ca.example",))) == f"ca.example; accounturi={PERSIST['accounturi']}"


def test_draft_02_has_a_value_for_any_domain() -> None:
    assert record(persist(new=("ca.example",)), any_domain=True).endswith(PERSIST["any_domain_accounturi"])


def test_a_ca_that_speaks_both_drafts_is_answered_in_the_newer() -> None:
    assert PERSIST["accounturi"] in record(persist(old=("ca.example",), new=("ca.example",)))


def test_a_record_can_hold_for_wildcards_and_end() -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    said = record(persist(new=("ca.example",)), policy_wildcard=True, persist_until=until)
    assert said.endswith(f"; policy=wildcard; persistUntil={int(until.timestamp())}")


def test_a_wildcard_s_record_always_says_so_and_hashes_the_base_name() -> None:
    assert record(persist(new=("ca.example",)), identifier=WILDCARD) == (
        f"ca.example; accounturi={PERSIST['accounturi']}; policy=wildcard"
    )


def test_the_issuer_that_the_directory_names_is_taken() -> None:
    meta = Meta(account_hash_prefix=PERSIST["prefix"], issuer_domain_names=("b.example",))
    assert record(persist(new=("a.example", "b.example")), meta).startswith("b.example; ")


@pytest.mark.parametrize(
    "names",
    [(), ("x.example",) * 11, ("a; accounturi=evil",), ("A.example",), ("",), ("a" * 254,), ('a"b',)],
)
def test_issuers_that_cannot_be_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(EvercertError, match="issuers"):
        record(persist(new=names))


def test_a_challenge_for_another_account_is_refused() -> None:
    with pytest.raises(EvercertError, match="another account"):
        record(persist(old=("ca.example",), accounturi="https://ca.example/acct/666"))


@pytest.mark.parametrize("prefix", ["", "http://ca.example/", "https://ca.example/; policy=wildcard; x=", "https://"])
def test_a_hash_without_a_fit_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(EvercertError, match="accountHashPrefix"):
        record(persist(new=("ca.example",)), Meta(account_hash_prefix=prefix))
