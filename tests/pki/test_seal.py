"""Sealed secrets: open with their key and in their context, and not otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.seal import Sealer, new_master_key

_SEALER = Sealer(new_master_key())


def assert_stays_sealed(blob: bytes, context: str, sealer: Sealer = _SEALER) -> None:
    with pytest.raises(EvercertError) as raised:
        sealer.open(blob, context)
    assert raised.value.code.name == "sealed"


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_was_sealed_opens_in_its_context(plaintext: bytes, context: str) -> None:
    assert _SEALER.open(_SEALER.seal(plaintext, context), context).reveal() == plaintext


def test_another_context_or_another_key_opens_nothing() -> None:
    blob = _SEALER.seal(b"secret", "key:1")
    assert_stays_sealed(blob, "key:2")
    assert_stays_sealed(blob, "key:1", Sealer(new_master_key()))


_BLOB = _SEALER.seal(b"secret", "key:1")


@given(st.integers(0, len(_BLOB) - 1), st.integers(1, 255))
def test_a_changed_octet_opens_nothing(place: int, change: int) -> None:
    changed = bytearray(_BLOB)
    changed[place] ^= change
    assert_stays_sealed(bytes(changed), "key:1")


@given(st.integers(0, len(_BLOB) - 1), st.binary(max_size=100))
def test_a_piece_of_it_or_anything_else_opens_nothing(length: int, other: bytes) -> None:
    assert_stays_sealed(_BLOB[:length], "key:1")
    assert_stays_sealed(other, "key:1")


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert _SEALER.seal(b"secret", "key:1") != _SEALER.seal(b"secret", "key:1")
    assert b"secret" not in _BLOB


@pytest.mark.parametrize("key", ["", "short", "A" * 44 + "!", "QUFB"])
def test_what_is_no_master_key_is_told_as_that(key: str) -> None:
    with pytest.raises(EvercertError) as raised:
        Sealer(Secret(key))
    assert raised.value.code.name == "sealed"


def test_a_master_key_survives_an_editors_newline() -> None:
    key = new_master_key()
    assert Sealer(Secret(key.reveal() + b"\n")).open(Sealer(key).seal(b"x", "c"), "c").reveal() == b"x"
