"""Keys: every type there and back, and nothing but `bad-key` for what is none."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.keys import KeyType, PrivateKey, generate, key_from_jwk, load_der, load_pem

_SIGNING = {KeyType.EC256: "ES256", KeyType.EC384: "ES384", KeyType.EC521: "ES512", KeyType.RSA2048: "RS256"}
_QUICK = [each for each in KeyType if each not in {KeyType.RSA3072, KeyType.RSA4096}]


@pytest.fixture(scope="module")
def keys() -> dict[KeyType, PrivateKey]:
    return {key_type: generate(key_type) for key_type in _QUICK}


def failure_of(data: bytes, password: Secret | None = None) -> EvercertError:
    with pytest.raises(EvercertError) as raised:
        load_pem(data, password)
    assert raised.value.code.name == "bad-key"
    return raised.value


@pytest.mark.parametrize("key_type", _QUICK)
def test_a_key_that_was_written_is_read_as_the_same_key(keys: dict[KeyType, PrivateKey], key_type: KeyType) -> None:
    key = keys[key_type]
    for read in (load_pem(key.to_pem().reveal()), load_der(key.to_der().reveal())):
        assert (read.type, read.spki) == (key_type, key.spki)
    assert load_der(key.to_der().reveal(), trusted=True).spki == key.spki


def test_the_older_forms_of_pem_are_read(keys: dict[KeyType, PrivateKey]) -> None:
    for key_type in (KeyType.EC256, KeyType.RSA2048):
        pem = keys[key_type].crypto.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        assert load_pem(pem).spki == keys[key_type].spki


def test_an_encrypted_key_opens_with_its_password_and_no_other(keys: dict[KeyType, PrivateKey]) -> None:
    key = keys[KeyType.EC256]
    pem = key.crypto.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right"))
    assert load_pem(pem, Secret("right")).spki == key.spki
    failure_of(pem, Secret("wrong"))
    assert "password" in failure_of(pem).message


@pytest.mark.parametrize("key_type", _QUICK)
def test_a_signature_over_bytes_is_what_a_certificate_carries(
    keys: dict[KeyType, PrivateKey], key_type: KeyType
) -> None:
    key, data = keys[key_type], b"to be signed"
    public, signature = key.crypto.public_key(), key.sign_bytes(data)
    digest: Any = key.digest
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, padding.PKCS1v15(), digest)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, data, ec.ECDSA(digest))
    else:
        public.verify(signature, data)


@pytest.mark.parametrize(("key_type", "alg"), _SIGNING.items())
def test_a_jws_signature_is_what_rfc_7518_says(keys: dict[KeyType, PrivateKey], key_type: KeyType, alg: str) -> None:
    key, data = keys[key_type], b"signed"
    public, signature, digest = key.crypto.public_key(), key.sign_jws(data), key.digest
    assert key.jws_alg == alg
    assert digest is not None
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        return
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[alg]
    assert len(signature) == 2 * size
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    public.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))


def test_an_ed25519_signature_is_64_octets(keys: dict[KeyType, PrivateKey]) -> None:
    key = keys[KeyType.ED25519]
    assert key.jws_alg == "EdDSA"
    key.crypto.public_key().verify(key.sign_jws(b"signed"), b"signed")


def test_a_coordinate_that_begins_with_zeros_keeps_its_length() -> None:
    # RFC 7518 §6.2.1.2: the length is the curve's, whatever the number.
    number = next(n for n in range(1, 10_000) if ec.derive_private_key(n, ec.SECP256R1()).public_key()
                  .public_numbers().x.bit_length() <= 248)  # fmt: skip
    jwk = PrivateKey(ec.derive_private_key(number, ec.SECP256R1())).jwk
    assert len(jwk["x"]) == len(jwk["y"]) == 43


def test_a_public_jwk_has_its_required_members_and_no_other(keys: dict[KeyType, PrivateKey]) -> None:
    assert set(keys[KeyType.EC384].jwk) == {"kty", "crv", "x", "y"}
    assert set(keys[KeyType.RSA2048].jwk) == {"kty", "n", "e"}
    assert keys[KeyType.RSA2048].jwk["e"] == "AQAB"
    assert set(keys[KeyType.ED25519].jwk) == {"kty", "crv", "x"}


@pytest.mark.parametrize("key_type", [KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87])
def test_a_lattice_key_is_for_certificates_and_not_for_accounts(
    keys: dict[KeyType, PrivateKey], key_type: KeyType
) -> None:
    with pytest.raises(EvercertError, match="account key"):
        _ = keys[key_type].jws_alg
    assert keys[key_type].digest is None


def _private_jwk(key: PrivateKey) -> dict[str, str]:
    numbers = key.crypto.private_numbers()

    def number(value: int, size: int = 0) -> str:
        octets = value.to_bytes(size or (value.bit_length() + 7) // 8)
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    if isinstance(numbers, ec.EllipticCurvePrivateNumbers):
        return {**key.jwk, "d": number(numbers.private_value, 32)}
    return {
        **key.jwk,
        "d": number(numbers.d),
        "p": number(numbers.p),
        "q": number(numbers.q),
        "dp": number(numbers.dmp1),
        "dq": number(numbers.dmq1),
        "qi": number(numbers.iqmp),
    }


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.RSA2048])
def test_a_private_jwk_as_certbot_keeps_it_is_read(keys: dict[KeyType, PrivateKey], key_type: KeyType) -> None:
    jwk = json.loads(json.dumps(_private_jwk(keys[key_type])))
    assert key_from_jwk(jwk).spki == keys[key_type].spki


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": []},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": 5},
        {"kty": "EC", "crv": "P-256", "x": 5, "y": "", "d": ""},
        {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "d": "AQ"},
        {"kty": "RSA", "n": "AQ"},
        {"kty": "RSA", **dict.fromkeys(("n", "e", "d", "p", "q", "dp", "dq", "qi"), "AQ")},
        {"kty": "OKP", "crv": "X25519", "d": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "d": "\u00e9"},
        {"kty": "OKP", "crv": "Ed25519", "d": "A" * 70_000},
    ],
)
def test_a_jwk_that_is_no_private_key_is_told_as_that(jwk: dict[str, str]) -> None:
    with pytest.raises(EvercertError, match="not a private key that can be used"):
        key_from_jwk(jwk)


def test_a_kind_of_key_that_is_not_used_here_is_told_with_those_that_are() -> None:
    for key in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)):
        failure = failure_of(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        assert "ec256" in failure.hint


def test_a_key_shows_nothing_of_itself(keys: dict[KeyType, PrivateKey]) -> None:
    key = keys[KeyType.EC256]
    assert repr(key) == "PrivateKey(ec256)"
    assert "BEGIN" not in f"{key.to_pem()!r} {key.to_der()!s}"
    with pytest.raises(TypeError):
        pickle.dumps(key.to_pem())


def test_an_error_does_not_quote_what_was_read() -> None:
    pem = generate(KeyType.EC256).to_pem().reveal()
    broken = pem.replace(b"MIGH", b"MIGX")
    failure = failure_of(broken)
    assert pem[40:60].decode() not in f"{failure} {failure.hint}"


def test_openssl_reads_every_form_that_we_write(keys: dict[KeyType, PrivateKey], tmp_path: Path) -> None:
    for key_type in (KeyType.EC256, KeyType.EC384, KeyType.RSA2048, KeyType.ED25519):
        file = tmp_path / key_type.value
        file.write_bytes(keys[key_type].to_pem().reveal())
        public = subprocess.run(
            ["openssl", "pkey", "-in", file, "-pubout", "-outform", "DER"], check=True, capture_output=True, timeout=30
        )
        assert public.stdout == keys[key_type].spki


def test_a_file_that_is_too_large_for_a_key_is_not_parsed() -> None:
    assert "65536" in failure_of(b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 70_000).message


@given(st.binary(max_size=400))
def test_nothing_but_bad_key_comes_of_any_octets(data: bytes) -> None:
    for text in (data, b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(data) + b"\n-----END PRIVATE KEY-----\n"):
        failure_of(text)
    with pytest.raises(EvercertError):
        load_der(data)


_EC_DER = PrivateKey(ec.derive_private_key(12345, ec.SECP256R1())).to_der().reveal()


@given(st.integers(0, len(_EC_DER) - 1), st.integers(1, 255), st.booleans())
def test_a_damaged_key_is_read_or_refused_and_nothing_else(place: int, change: int, trusted: bool) -> None:
    damaged = bytearray(_EC_DER)
    damaged[place] ^= change
    try:
        key = load_der(bytes(damaged), trusted=trusted)
    except EvercertError as error:
        assert error.code.name == "bad-key"  # noqa: PT017  # either is right
    else:
        load_der_public_key(key.spki)
