"""Each known fault of a public key is found and said in words; good keys pass, and quickly."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from math import isqrt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.pki.blocklist import Blocklist
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.pki.weak import public_key_type, weakness
from tests.pki import weak_moduli as weak

# A real one (CVE-2008-0166), from the tests of badkeys (MIT licence, Hanno Böck): only its public half is there.
DEBIAN = Path(__file__).parent.parent / "vectors" / "debian_weak_key.pem"


def spki(key: object) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[attr-defined]


@pytest.mark.parametrize("key_type", KeyType)
def test_a_good_key_of_each_type_has_no_weakness(key_type: KeyType) -> None:
    key = generate(key_type)
    assert weakness(key.spki) == ""
    assert public_key_type(load_der_public_key(key.spki)) is key_type


def test_a_sound_modulus_made_here_passes_so_that_the_others_fail_for_their_fault_alone() -> None:
    assert weakness(weak.rsa_spki(weak.sound_modulus())) == ""


@pytest.mark.parametrize("bits", [1024, 2040, 2056, 3080])
def test_an_rsa_key_of_another_size_is_refused(bits: int) -> None:
    assert f"{bits} bits" in weakness(weak.rsa_spki(weak.sound_modulus(bits)))


@pytest.mark.parametrize("exponent", [3, 17, 65539, 2**64 + 1])
def test_an_rsa_key_with_another_exponent_is_refused(exponent: int) -> None:
    assert "exponent" in weakness(weak.rsa_spki(weak.sound_modulus(), exponent))


@pytest.mark.parametrize("factor", [3, 751, 5737, 5741])
def test_a_modulus_with_a_small_factor_is_refused(factor: int) -> None:
    assert "prime factor" in weakness(weak.rsa_spki(weak.small_factor(factor)))


def test_the_next_prime_is_not_small_any_more() -> None:
    assert weakness(weak.rsa_spki(weak.small_factor(5743))) == ""


@pytest.mark.parametrize("rounds", [1, 2, 50, 100])
def test_close_factors_are_found_within_a_hundred_rounds_of_fermats_method(rounds: int) -> None:
    assert "close together" in weakness(weak.rsa_spki(weak.close_factors(rounds)))


def test_factors_that_a_hundred_rounds_do_not_find_are_far_enough_apart() -> None:
    assert weakness(weak.rsa_spki(weak.close_factors(101))) == ""


def test_the_square_of_a_prime_is_refused() -> None:
    p = isqrt(weak.close_factors(1))
    while (p * p).bit_length() < 2048 or not all(p % each for each in weak.PRIMES):
        p += 1
    assert "close together" in weakness(weak.rsa_spki(p * p))


def test_a_key_of_the_roca_library_is_refused() -> None:
    assert "ROCA" in weakness(weak.rsa_spki(weak.roca()))


def test_residues_that_only_look_like_roca_pass_the_discrete_logarithm() -> None:
    assert weakness(weak.rsa_spki(weak.roca_look_alike())) == ""


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()])
def test_another_curve_is_refused_by_its_name(curve: ec.EllipticCurve) -> None:
    assert curve.name in weakness(spki(ec.generate_private_key(curve).public_key()))


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.EC384, KeyType.EC521])
def test_a_point_beside_its_curve_is_refused(key_type: KeyType) -> None:
    moved = bytearray(generate(key_type).spki)
    moved[-1] ^= 1
    assert "curve" in weakness(bytes(moved))


def test_the_point_at_infinity_is_refused() -> None:
    # SubjectPublicKeyInfo of P-256 whose point is the one octet 00 (SEC 1 §2.3.3).
    infinity = bytes.fromhex("301706072a8648ce3d020106082a8648ce3d03010703020000")
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    assert weakness(bytes([0x30, len(algorithm) + 4]) + algorithm + bytes.fromhex("03020000")) != ""
    assert weakness(infinity) != ""


def test_keys_of_other_kinds_are_refused() -> None:
    assert weakness(spki(x25519.X25519PrivateKey.generate().public_key())) == "keys of its kind are not taken"
    assert weakness(spki(dsa.generate_private_key(2048).public_key())) == "keys of its kind are not taken"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_whatever_is_no_key_has_a_weakness(data: bytes) -> None:
    assert weakness(data)


def test_more_bytes_than_a_key_has_are_not_parsed() -> None:
    assert weakness(generate(KeyType.EC256).spki + bytes(10_000)) != ""


def listed(*numbers: bytes, collection: int = 7) -> Blocklist:
    return Blocklist(records(*numbers, collection=collection), {7: "debianssl"})


def records(*numbers: bytes, collection: int) -> bytes:
    return b"".join(sorted(sha256(number).digest()[:15] + bytes([collection]) for number in numbers))


def number(n: int) -> bytes:
    return n.to_bytes((n.bit_length() + 7) // 8)


def test_a_debian_key_is_refused_where_the_list_has_it() -> None:
    key = load_pem_public_key(DEBIAN.read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    known = listed(number(key.public_numbers().n), *(bytes([each]) for each in range(200)))
    assert weakness(spki(key), known) == "its private half is publicly known (debianssl)"
    assert weakness(spki(key), listed(b"another")) == ""
    assert weakness(spki(key), Blocklist(b"")) == ""


_NUMBERS: dict[KeyType, Callable[[bytes], bytes]] = {
    KeyType.EC256: lambda spki: spki[27:59].lstrip(b"\0"),
    KeyType.ED25519: lambda spki: spki[12:].lstrip(b"\0"),
    KeyType.MLDSA44: lambda spki: spki[22:],
}


@pytest.mark.parametrize("key_type", _NUMBERS)
def test_a_key_of_each_kind_can_be_on_the_list(key_type: KeyType) -> None:
    key = generate(key_type).spki
    assert "publicly known" in weakness(key, listed(_NUMBERS[key_type](key)))
    assert weakness(key, listed(b"x", b"y")) == ""


def test_a_collection_without_a_name_is_told_by_its_number() -> None:
    n = weak.sound_modulus()
    assert "collection 3" in weakness(weak.rsa_spki(n), listed(number(n), collection=3))


def test_a_list_that_was_cut_short_is_refused() -> None:
    with pytest.raises(EvercertError, match="no multiple of 16"):
        Blocklist(bytes(17))


# Ten times what one check costs on a slow machine: what is found here is a loop gone wrong, not a slow machine.
@pytest.mark.parametrize(("key_type", "seconds"), [(KeyType.EC256, 200e-6), (KeyType.RSA2048, 3e-3)])
def test_a_check_is_cheaper_than_a_signature(key_type: KeyType, seconds: float) -> None:
    key = generate(key_type).spki
    weakness(key)
    started = time.process_time()
    for _ in range(50):
        weakness(key)
    assert (time.process_time() - started) / 50 < seconds
