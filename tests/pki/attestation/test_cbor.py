"""CBOR: what another library writes is read as the same, and nothing that only a decoder could love."""

from __future__ import annotations

import contextlib
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.pki.attestation.cbor import read_cbor

_LEAVES = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=30) | st.text(max_size=30)


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return inner | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)


@given(_around(_around(_around(_LEAVES))))
def test_what_another_library_writes_is_read_as_the_same(value: Any) -> None:
    assert read_cbor(cbor2.dumps(value)) == value


@pytest.mark.parametrize("length", [23, 24, 255, 256, 30_000])
def test_a_length_of_any_width_is_read(length: int) -> None:
    for value in (bytes(length), "a" * length):
        assert read_cbor(cbor2.dumps(value)) == value


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\x00\x00",  # goes on
        b"\x42\x00",  # cut short
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",  # 2^64 - 1 bytes
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # 2^64 - 1 items
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5f\x41\x00\xff",  # indefinite
        b"\x9f\x00\xff",
        b"\xbf\xff",
        b"\xc0\x60",  # tags: a date, a number of any size, a regular expression, a shared value
        b"\xc2\x41\x01",
        b"\xd8\x23\x61(",
        b"\xd8\x1d\x00",
        b"\xf9\x00\x00",  # floats
        b"\xfb" + bytes(8),
        b"\xf7",  # undefined
        b"\xf8\x00",
        b"\x1c",  # reserved
        b"\x61\xff",  # no UTF-8
        b"\xa1\x01\x00",  # a number for a key
        b"\xa2\x61a\x00\x61a\x00",  # twice the same key
        b"\x81" * 60_000,
        b"\x81" * 5 + b"\x00",
        b"\x99\x01\x00" + bytes(256),
        bytes(65_537),
    ],
)
def test_what_no_attestation_object_has_is_refused(written: bytes) -> None:
    with pytest.raises(EvercertError) as raised:
        read_cbor(written)
    assert raised.value.code.name == "bad-attestation"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(written: bytes) -> None:
    with contextlib.suppress(EvercertError):
        read_cbor(written)
