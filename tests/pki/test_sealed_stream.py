"""Streams that are sealed, and secrets under a passphrase."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.sealed_stream import opened, sealed
from evercert.pki.wrapping import unwrap, wrap

KEY = Secret(b"k" * 32)
MIB = 1 << 20


def stream(*chunks: bytes, key: Secret = KEY, about: bytes = b"x") -> bytes:
    return b"".join(sealed(chunks, key, about))


def read(octets: bytes, key: Secret = KEY, about: bytes = b"x") -> bytes:
    return b"".join(opened(io.BytesIO(octets), key, about))


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 5])
def test_what_was_sealed_is_read_again_however_it_came(size: int) -> None:
    plain = bytes(size)
    assert read(stream(plain)) == plain
    assert read(stream(plain[: size // 3], b"", plain[size // 3 :])) == plain


@given(st.data())
def test_a_change_of_any_octet_is_seen(data: st.DataObject) -> None:
    octets = stream(b"some words" * 10)
    at = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(EvercertError, match="changed"):
        read(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])


def test_pieces_that_are_cut_off_swapped_or_added_are_seen() -> None:
    octets, piece = stream(bytes(3 * MIB)), MIB + 16
    first, second, third = octets[:piece], octets[piece : 2 * piece], octets[2 * piece :]
    for wrong in (first, first + second, second + first + third, first + third, octets + third, first + first, b""):
        with pytest.raises(EvercertError):
            read(wrong)
    for other in ({"key": Secret(b"o" * 32)}, {"about": b"y"}):
        with pytest.raises(EvercertError):
            read(octets, **other)


def test_a_secret_opens_with_its_passphrase_alone() -> None:
    passphrase = Secret("correct horse battery")
    wrapped = wrap(Secret("the master key"), passphrase)
    assert unwrap(wrapped, passphrase) == Secret("the master key")
    assert b"the master key" not in wrapped
    for octets, words in ((wrapped, "another one entirely"), (wrapped[:-1], "correct horse battery"), (b"", "x" * 12)):
        with pytest.raises(EvercertError):
            unwrap(octets, Secret(words))
    with pytest.raises(EvercertError, match="fewer"):
        wrap(Secret("x"), Secret("short"))
