from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme import wire
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier

URL = "https://ca.example/1"
ORDER = {
    "status": "pending",
    "identifiers": [{"type": "dns", "value": "example.com"}],
    "finalize": "https://ca.example/finalize/1",
}
KINDS = (
    wire.Directory,
    wire.Account,
    wire.Order,
    wire.Authorization,
    wire.Challenge,
    wire.OrderList,
    wire.RenewalInfo,
)


def decoded(kind: type[wire.Resource], **document: Any) -> Any:
    return wire.decode(kind, json.dumps(document).encode(), url=URL)


def test_a_resource_knows_where_it_was_seen_and_what_was_asked() -> None:
    order = wire.decode(wire.Order, json.dumps(ORDER).encode(), url=URL, retry_after=timedelta(seconds=3))
    assert (order.url, order.retry_after) == (URL, timedelta(seconds=3))


def test_a_server_cannot_set_what_is_ours() -> None:
    order = decoded(wire.Order, **ORDER, url="https://evil.example", retryAfter=1, extra={"a": 1})
    assert (order.url, order.retry_after) == (URL, None)
    assert order.extra == {}


def test_unknown_fields_are_kept_and_nulls_are_absent() -> None:
    order = decoded(wire.Order, **ORDER, error=None, authorizations=None, star=["x"])
    assert order.extra == {"star": ["x"]}
    assert order.error is None
    assert order.authorizations == ()


def test_an_unknown_status_is_no_order() -> None:
    with pytest.raises(EvercertError, match="not an order"):
        decoded(wire.Order, **(ORDER | {"status": "dreaming"}))


def test_identifiers_come_out_in_our_form() -> None:
    identifiers = [{"type": "dns", "value": "EXAMPLE.com."}, {"type": "ip", "value": "2001:DB8:0::1"}]
    order = decoded(wire.Order, **(ORDER | {"identifiers": identifiers}))
    assert order.identifiers == (Identifier("dns", "example.com"), Identifier("ip", "2001:db8::1"))


@pytest.mark.parametrize("value", ["../../etc", "a b", "", "10.0.0.1", "x" * 300])
def test_an_identifier_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(EvercertError, match="not an order"):
        decoded(wire.Order, **(ORDER | {"identifiers": [{"type": "dns", "value": value}]}))


@pytest.mark.parametrize("sent", ["example.com", "*.example.com"])
def test_a_wildcard_authorization_is_for_the_base_name(sent: str) -> None:
    known = decoded(
        wire.Authorization,
        identifier={"type": "dns", "value": sent},
        status="pending",
        wildcard=True if sent == "example.com" else None,
    )
    assert (known.identifier, known.wildcard) == (Identifier("dns", "example.com"), True)


def test_challenges_of_any_type_keep_what_we_do_not_know() -> None:
    challenge = {"type": "tkauth-01", "url": f"{URL}/c", "tkauth-type": "atc", "status": "pending"}
    known = decoded(
        wire.Authorization,
        identifier={"type": "dns", "value": "example.com"},
        status="pending",
        challenges=[challenge],
    )
    assert known.challenges[0].extra == {"tkauth-type": "atc"}
    assert known.challenges[0].url == f"{URL}/c"


@pytest.mark.parametrize("count", [1001, 1_000_000])
def test_an_order_of_a_million_authorizations_is_refused(count: int) -> None:
    with pytest.raises(EvercertError, match="not an order"):
        decoded(wire.Order, **ORDER, authorizations=["https://ca.example/a"] * count)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff\xfe", b"{", b"[" * 1_000_000, b'{"a":' * 100_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_no_resource_is_a_bad_answer(kind: type[wire.Resource], body: bytes) -> None:
    with pytest.raises(EvercertError) as caught:
        wire.decode(kind, body)
    assert caught.value.code.name == "bad-answer"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
_NAMES = sorted({name for kind in KINDS for name in kind.__struct_encode_fields__})


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=12))
def test_any_json_is_a_resource_or_a_bad_answer(kind: type[wire.Resource], document: dict[str, Any]) -> None:
    with suppress(EvercertError):
        assert all(isinstance(url, str) for url in decoded(kind, **document).server_urls())


@given(st.sampled_from(KINDS), _JSON)
def test_a_bad_answer_is_told_in_one_line(kind: type[wire.Resource], document: Any) -> None:
    with pytest.raises(EvercertError) as caught:
        wire.decode(kind, json.dumps({"x": document}).encode())
    assert caught.value.code.name == "bad-answer"
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_what_a_server_encodes_is_decoded_as_it_was() -> None:
    challenge = wire.Challenge(url=f"{URL}/c", type="http-01", token="t0ken", extra={"more": 1})
    sent = wire.Authorization(
        identifier=Identifier("dns", "example.com"), status="pending", challenges=(challenge,), extra={"x": [1]}
    )
    assert wire.decode(wire.Authorization, wire.encode(sent)) == sent


def test_junk_in_a_directory_is_ignored_and_kept() -> None:
    known = decoded(wire.Directory, newNonce="https://a/", newAccount="https://b/", newOrder="https://c/", Ty3x="junk")
    assert known.extra == {"Ty3x": "junk"}
    assert list(known.server_urls()) == ["https://a/", "https://b/", "https://c/"]


def test_a_directory_without_new_order_is_none() -> None:
    with pytest.raises(EvercertError, match="newOrder"):
        decoded(wire.Directory, newNonce="https://a/", newAccount="https://b/")


def test_a_directory_tells_all_that_is_registered_of_its_ca() -> None:
    meta = {
        "termsOfService": "https://ca.example/tos",
        "website": "https://ca.example",
        "caaIdentities": ["ca.example"],
        "externalAccountRequired": True,
        "profiles": {"shortlived": "six days"},
        "subdomainAuthAllowed": True,
        "issuerDomainNames": ["ca.example"],
        "accountHashPrefix": "https://ca.example/hash/",
        "auto-renewal": {"min-lifetime": 86400},
    }
    known = decoded(wire.Directory, newNonce="https://a/", newAccount="https://b/", newOrder="https://c/", meta=meta)
    assert known.meta.profiles == {"shortlived": "six days"}
    assert known.meta.issuer_domain_names == ("ca.example",)
    assert known.meta.account_hash_prefix == "https://ca.example/hash/"
    assert known.meta.external_account_required


def test_a_directory_shows_its_urls_by_their_names_so_that_a_moved_one_is_noticed() -> None:
    known = decoded(wire.Directory, newNonce="https://a/", newAccount="https://b/", newOrder="https://c/")
    urls = wire.directory_urls(known)
    assert urls["newOrder"] == "https://c/"
    assert urls["keyChange"] == ""
    assert list(known.server_urls()) == [url for url in urls.values() if url]


def test_a_profile_is_asked_for_where_it_is_listed() -> None:
    meta = wire.Meta(profiles={"classic": "", "shortlived": ""})
    assert meta.profile_for("shortlived", required=True) == "shortlived"
    assert meta.profile_for("", required=True) == ""
    assert meta.profile_for("tlsserver", required=False) == ""
    with pytest.raises(EvercertError, match="tlsserver") as caught:
        meta.profile_for("tlsserver", required=True)
    assert caught.value.hint == "it offers classic, shortlived"


def test_a_window_is_read_with_its_offsets() -> None:
    window = {"start": "2026-01-02T04:00:00Z", "end": "2026-01-03T06:00:00.123456789+02:00"}
    info = decoded(wire.RenewalInfo, suggestedWindow=window, explanationURL="https://ca.example/why")
    assert info.window_start == datetime(2026, 1, 2, 4, tzinfo=UTC)
    assert info.window_end.astimezone(UTC) == datetime(2026, 1, 3, 4, 0, 0, 123457, tzinfo=UTC)
    assert info.explanation_url == "https://ca.example/why"


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(EvercertError, match="renewal information"):
        decoded(wire.RenewalInfo, suggestedWindow={"start": "2026-01-02T04:00:00", "end": "2026-01-03T04:00:00Z"})
