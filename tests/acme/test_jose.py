from __future__ import annotations

import json
from typing import Any

import josepy
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from evercert.acme.jose import (
    ExternalAccount,
    b64url,
    external_account_binding,
    hmac_key,
    key_change,
    sign,
    thumbprint,
    unb64url,
)
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.vectors import vector

URL = "https://ca.example/new-order"
ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "EdDSA", "HS256", "HS384", "HS512"]
KEYS = {
    kind: generate(kind) for kind in (KeyType.EC256, KeyType.EC384, KeyType.EC521, KeyType.RSA2048, KeyType.ED25519)
}


class Registry(joserfc_jws.JWSRegistry):
    """joserfc's own bound is 512 octets, which no JWS with an RSA JWK in its header keeps."""

    max_header_length = 4096


REGISTRY = Registry(algorithms=ALGORITHMS, strict_check_header=False)


def header_of(body: bytes | dict[str, Any]) -> dict[str, Any]:
    document = json.loads(body) if isinstance(body, bytes) else body
    header: dict[str, Any] = json.loads(unb64url(document["protected"]))
    return header


def joserfc_key(jwk: dict[str, str]) -> Any:
    kinds: dict[str, Any] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
    return kinds[jwk["kty"]].import_key(jwk)


def josepy_key(jwk: dict[str, str]) -> Any:
    return josepy.JWK.from_json(jwk)


# RFC 9864 has renamed EdDSA to Ed25519; ACME CAs know the old name.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.type.value)
def test_joserfc_verifies_what_we_sign(key: PrivateKey) -> None:
    body = json.loads(sign(key, url=URL, nonce="n0nce", payload=b'{"a":1}'))
    read = joserfc_jws.deserialize_json(body, joserfc_key(dict(key.jwk)), registry=REGISTRY)
    assert read.payload == b'{"a":1}'
    assert header_of(body) == {"alg": key.jws_alg, "url": URL, "jwk": dict(key.jwk), "nonce": "n0nce"}


@pytest.mark.parametrize("kind", [KeyType.EC256, KeyType.EC384, KeyType.EC521, KeyType.RSA2048])
def test_josepy_verifies_what_we_sign(kind: KeyType) -> None:
    key = KEYS[kind]
    body = json.loads(sign(key, url=URL, nonce="n0nce", payload=b"x", kid="https://ca.example/acct/1"))
    signed = f"{body['protected']}.{body['payload']}".encode()
    algorithm = josepy.JWASignature.from_json(key.jws_alg)
    public = josepy_key(dict(key.jwk))
    assert algorithm.verify(public.key, signed, unb64url(body["signature"]))


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.type.value)
def test_joserfc_and_we_agree_on_thumbprints(key: PrivateKey) -> None:
    assert thumbprint(key.jwk) == joserfc_key(dict(key.jwk)).thumbprint()


@pytest.mark.parametrize("kind", [KeyType.EC256, KeyType.RSA2048])
def test_josepy_and_we_agree_on_thumbprints(kind: KeyType) -> None:
    jwk = dict(KEYS[kind].jwk)
    assert thumbprint(jwk) == b64url(josepy_key(jwk).thumbprint())


def test_the_thumbprint_of_the_rfc_is_found() -> None:
    known = vector("rfc7638")
    assert thumbprint(known["jwk"]) == known["thumbprint"]


def test_the_jwk_of_a_key_is_its_public_key() -> None:
    key = KEYS[KeyType.EC256]
    public = josepy_key(dict(key.jwk)).key
    assert public.public_numbers() == load_der_public_key(key.spki).public_numbers()  # type: ignore[union-attr]


def test_a_request_is_signed_by_account_url_or_by_the_key_itself() -> None:
    key = KEYS[KeyType.EC256]
    by_url = header_of(sign(key, url=URL, nonce="n", payload=None, kid="https://ca.example/acct/1"))
    assert by_url["kid"] == "https://ca.example/acct/1"
    assert "jwk" not in by_url
    assert "kid" not in header_of(sign(key, url=URL, nonce="n", payload=None))


def test_post_as_get_has_an_empty_payload_and_not_an_empty_object() -> None:
    body = json.loads(sign(KEYS[KeyType.EC256], url=URL, nonce="n", payload=None, kid="x"))
    assert body["payload"] == ""


def test_the_new_key_s_word_names_account_and_old_key_and_no_nonce() -> None:
    old, new = KEYS[KeyType.EC256], KEYS[KeyType.EC384]
    inner = json.loads(key_change(old, new, account_url="https://ca.example/acct/1", url="https://ca.example/roll"))
    assert header_of(inner) == {"alg": "ES384", "url": "https://ca.example/roll", "jwk": dict(new.jwk)}
    assert json.loads(unb64url(inner["payload"])) == {"account": "https://ca.example/acct/1", "oldKey": dict(old.jwk)}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_joserfc_verifies_our_external_account_bindings(algorithm: str) -> None:
    raw, jwk = b"k" * 64, dict(KEYS[KeyType.EC256].jwk)
    binding = external_account_binding("kid-1", Secret(b64url(raw)), algorithm, jwk, "https://ca.example/new-account")
    said: Any = dict(binding)
    read = joserfc_jws.deserialize_json(said, OctKey.import_key(raw), registry=REGISTRY)
    assert json.loads(read.payload) == jwk
    assert header_of(binding) == {"alg": algorithm, "kid": "kid-1", "url": "https://ca.example/new-account"}


@pytest.mark.parametrize("algorithm", ["none", "RS256", "ES256", "hs256", ""])
def test_a_binding_is_made_with_a_mac_and_nothing_else(algorithm: str) -> None:
    with pytest.raises(EvercertError, match="no MAC algorithm"):
        external_account_binding("kid", Secret("a2V5"), algorithm, {}, URL)


@pytest.mark.parametrize("text", ["_-8A", "/+8A", "_-8A\n", " _-8A==", "_-\n8A"])
def test_an_hmac_key_is_read_in_every_way_in_which_cas_show_it(text: str) -> None:
    assert hmac_key(Secret(text)).reveal() == unb64url("_-8A")


@pytest.mark.parametrize("text", ["raw key with spaces!", "zzzzz", "\xff\xfe", "k.e.y"])
def test_a_key_that_is_no_base64url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(EvercertError, match="not base64url") as caught:
        hmac_key(Secret(text))
    assert "as the CA shows it" in caught.value.hint
    assert text not in f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"


@pytest.mark.parametrize("text", ["", "=", "==", " =\n"])
def test_a_key_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(EvercertError, match="is empty") as caught:
        hmac_key(Secret(text))
    assert "as the CA shows it" in caught.value.hint


def test_an_external_account_does_not_show_its_key() -> None:
    assert "geheim" not in repr(ExternalAccount("kid", Secret("geheim")))


@given(st.binary(max_size=100))
def test_base64url_goes_there_and_back(data: bytes) -> None:
    assert unb64url(b64url(data)) == data


@pytest.mark.parametrize("text", ["a", "ab==", "a b", "a+b/", "é", "ab\n"])
def test_what_is_not_base64url_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        unb64url(text)
