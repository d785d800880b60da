"""PKCS #11 URIs: what is read, what is refused, and that no PIN is ever repeated."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.pki.hsm.reference import KeyReference, read_reference

_QUERY = "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/evercert/pin"


def failure_of(uri: str) -> EvercertError:
    with pytest.raises(EvercertError) as raised:
        read_reference(uri)
    assert raised.value.code.name == "bad-input"
    return raised.value


def test_a_whole_uri_is_read() -> None:
    read = read_reference(f"pkcs11:token=The%20CA;serial=0042;object=issuing%201;id=%01%ff;type=private{_QUERY}")
    assert read == KeyReference(
        "/usr/lib/softhsm/libsofthsm2.so", "file:/etc/evercert/pin", "The CA", "0042", "issuing 1", b"\x01\xff"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "token=a",
        "PKCS11:token=a" + _QUERY,
        "pkcs11:object=a" + _QUERY,
        "pkcs11:token=a?module-path=/x.so",
        "pkcs11:token=a?pin-source=env:PIN",
        "pkcs11:token=a;token=b" + _QUERY,
        "pkcs11:token=a;slot-id=1" + _QUERY,
        "pkcs11:token=a;type=public" + _QUERY,
        "pkcs11:token=a%2" + _QUERY,
        "pkcs11:token=a b" + _QUERY,
        "pkcs11:token=%ff" + _QUERY,
        "pkcs11:token=%00" + _QUERY,
        "pkcs11:token=" + "a" * 5000 + _QUERY,
    ],
)
def test_what_is_not_understood_is_refused(uri: str) -> None:
    failure_of(uri)


def test_a_pin_in_a_uri_is_refused_and_not_repeated() -> None:
    failure = failure_of(f"pkcs11:token=a{_QUERY}&pin-value=squeamish")
    assert "squeamish" not in f"{failure!r} {failure} {failure.hint}"


@given(st.text() | st.text("pkcs11:token=object;?&%01ab/-"))
def test_any_text_is_read_or_refused(text: str) -> None:
    for uri in (text, f"pkcs11:{text}", f"pkcs11:token=a;{text}{_QUERY}"):
        with contextlib.suppress(EvercertError):
            read_reference(uri)
