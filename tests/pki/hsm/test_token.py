"""Keys in a real token (SoftHSM): made there, found there, signing what the world verifies, never coming out."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from evercert.base.errors import EvercertError, Retry
from evercert.base.secret import Secret
from evercert.pki.cert import parsed
from evercert.pki.crl import build_crl, entry
from evercert.pki.hierarchy import make_intermediate, make_root
from evercert.pki.hsm.keys import is_signed_by
from evercert.pki.hsm.opening import Tokens, is_in_token
from evercert.pki.issuing import sign
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, generate
from evercert.pki.signer import Signer
from evercert.pki.signing import sign_pieces
from tests.peers.program import installed
from tests.peers.softhsm import SoftHsm
from tests.pki.authority import NOW, name_of
from tests.pki.hierarchies import YEAR, intermediate_of, leaf_of
from tests.pki.linting import assert_clean, assert_crl_clean

_TYPES = [KeyType.EC256, KeyType.EC384, KeyType.RSA2048, KeyType.ED25519]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    made = SoftHsm(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    made.release()
    yield made
    made.release()


class Pin:
    """What the reference to the PIN leads to, and how often it was asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def __call__(self, reference: str) -> Secret:
        self.asked.append(reference)
        return Secret(self.text)


@pytest.fixture
def pin(token: SoftHsm) -> Pin:
    return Pin(token.pin)


@pytest.fixture
def tokens(pin: Pin) -> Iterator[Tokens]:
    opened = Tokens(pin, patience=30)
    yield opened
    opened.close()


def failure_of(tokens: Tokens, uri: str, code: str) -> EvercertError:
    with pytest.raises(EvercertError) as raised:
        tokens.load(uri)
    assert raised.value.code.name == code
    return raised.value


def certificate(key: PrivateKey) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name_of("Root in a token"))
        .issuer_name(name_of("Root in a token"))
        .public_key(key.crypto.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key.crypto, key.digest)
    )


def crl(key: PrivateKey) -> x509.CertificateRevocationList:
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of("Root in a token"))
        .last_update(NOW)
        .next_update(NOW + timedelta(days=7))
        .sign(key.crypto, key.digest)
    )


def ocsp_response(key: PrivateKey, issuer: x509.Certificate) -> ocsp.OCSPResponse:
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=issuer,
            issuer=issuer,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=NOW,
            next_update=NOW + timedelta(days=1),
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
        .sign(key.crypto, key.digest)
    )


def openssl(*arguments: str | Path) -> str:
    command = [installed("openssl", "run `make peers`"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("key_type", _TYPES)
def test_a_key_in_a_token_signs_certificates_crls_and_ocsp_responses(
    token: SoftHsm, tokens: Tokens, tmp_path: Path, key_type: KeyType
) -> None:
    key = tokens.create(token.uri("root"), key_type)
    assert (key.type, key.is_in_token) == (key_type, True)
    root, revoked, answer = certificate(key), crl(key), ocsp_response(key, certificate(key))
    root.verify_directly_issued_by(root)
    assert revoked.is_signature_valid(key.crypto.public_key())
    pem, crl_pem, der = (tmp_path / name for name in ("root.pem", "crl.pem", "ocsp.der"))
    pem.write_bytes(root.public_bytes(Encoding.PEM))
    crl_pem.write_bytes(revoked.public_bytes(Encoding.PEM))
    der.write_bytes(answer.public_bytes(Encoding.DER))
    moment = ("-attime", str(int(NOW.timestamp()) + 60))
    assert "OK" in openssl("verify", *moment, "-CAfile", pem, pem)
    assert "verify OK" in openssl("crl", "-in", crl_pem, "-CAfile", pem, "-noout")
    assert "Response verify OK" in openssl("ocsp", "-respin", der, "-verify_other", pem, "-CAfile", pem, *moment)


@pytest.mark.parametrize("key_type", _TYPES)
def test_a_whole_ca_lives_in_a_token(token: SoftHsm, tokens: Tokens, key_type: KeyType) -> None:
    root_key, key = (tokens.create(token.uri(name), key_type) for name in ("root", "issuing"))
    dates: dict[str, Any] = {"not_before": NOW - YEAR, "not_after": NOW + 30 * YEAR}
    root = Signer(make_root(root_key, (("O", "Test"), ("CN", "Root in a token")), serial=1, **dates), root_key)
    issuing = Signer(make_intermediate(intermediate_of(key), root), key)
    leaf = sign(leaf_of(generate(KeyType.EC256)), issuing)
    week: dict[str, Any] = {"this_update": NOW, "next_update": NOW + timedelta(days=7)}
    revoked = build_crl(issuing, number=1, entries=[entry(7, NOW, 1)], **week)
    assert_clean(issuing.certificate, root.certificate)
    assert_clean(leaf, issuing.certificate)
    assert_crl_clean(revoked)
    parsed(leaf).verify_directly_issued_by(parsed(issuing.certificate))
    assert x509.load_der_x509_crl(revoked).is_signature_valid(key.crypto.public_key())


def test_bytes_are_signed_as_by_any_other_key(token: SoftHsm, tokens: Tokens) -> None:
    key = tokens.create(token.uri("root"), KeyType.RSA2048)
    assert tokens.load(token.uri("root")).sign_bytes(b"tbs") == key.sign_bytes(b"tbs")
    assert len(tokens.create(token.uri("ec"), KeyType.EC384).sign_jws(b"data")) == 96


@pytest.mark.parametrize("key_type", _TYPES)
def test_pieces_are_signed_as_the_whole_is(token: SoftHsm, tokens: Tokens, key_type: KeyType) -> None:
    key = tokens.create(token.uri("root"), key_type)
    assert is_signed_by(key, sign_pieces(key, [b"a CRL ", bytearray(b"of many pieces")]), b"a CRL of many pieces")
    assert not is_signed_by(key, sign_pieces(key, [b"a CRL"]), b"a CRL of many pieces")


@pytest.mark.parametrize("key_type", _TYPES)
def test_a_key_cannot_leave_its_token(token: SoftHsm, tokens: Tokens, key_type: KeyType) -> None:
    key = tokens.create(token.uri("root"), key_type)
    for take in (key.to_pem, key.to_der, key.crypto.private_bytes_raw, key.crypto.private_numbers):
        with pytest.raises(EvercertError, match="cannot be taken out"):
            take()
    assert [each.can_leave for each in tokens.keys(token.uri("root"))] == [False]
    tokens.close()
    with pkcs11.lib(token.module).get_token(token_label=token.label).open(user_pin=token.pin) as session:
        (handle,) = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        assert (handle[pkcs11.Attribute.SENSITIVE], handle[pkcs11.Attribute.EXTRACTABLE]) == (True, False)
        assert (handle[pkcs11.Attribute.ALWAYS_SENSITIVE], handle[pkcs11.Attribute.NEVER_EXTRACTABLE]) == (True, True)
        secret = pkcs11.Attribute.PRIVATE_EXPONENT if key_type is KeyType.RSA2048 else pkcs11.Attribute.VALUE
        with pytest.raises(pkcs11.AttributeSensitive):
            handle[secret]


def test_keys_are_listed_and_found_by_label_and_id(token: SoftHsm, tokens: Tokens) -> None:
    made = {name: tokens.create(token.uri(name), KeyType.EC256) for name in ("old", "new")}
    shown = {each.label: each for each in tokens.keys(token.uri(""))}
    assert {each.type for each in shown.values()} == {"ec256"}
    for name, key in made.items():
        by_id = token.uri("").replace("object=", "id=%" + shown[name].id.hex("%"))
        assert tokens.load(by_id).spki == tokens.load(token.uri(name)).spki == key.spki


def test_a_second_key_of_the_same_name_is_refused(token: SoftHsm, tokens: Tokens) -> None:
    tokens.create(token.uri("root"), KeyType.EC256)
    with pytest.raises(EvercertError) as raised:
        tokens.create(token.uri("root"), KeyType.EC256)
    assert raised.value.code.name == "exists"
    assert len(tokens.keys(token.uri("root"))) == 1


def test_a_type_that_no_token_makes_is_refused(token: SoftHsm, tokens: Tokens) -> None:
    with pytest.raises(EvercertError) as raised:
        tokens.create(token.uri("root"), KeyType.MLDSA44)
    assert raised.value.code.name == "bad-key"


def test_a_wrong_pin_is_shown_to_the_token_once(token: SoftHsm, tokens: Tokens, pin: Pin) -> None:
    tokens.create(token.uri("root"), KeyType.EC256)
    tokens.close()
    pin.text = "squeamish"
    failures = [failure_of(tokens, token.uri("root"), "token") for _ in range(3)]
    assert all("PIN" in each.message and each.retry is Retry.NEVER for each in failures)
    assert "env:PIN" in failures[0].hint
    assert "squeamish" not in "".join(f"{each!r}{each}{each.hint}{each.__cause__!r}" for each in failures)
    pin.text = token.pin
    assert tokens.load(token.uri("root")).type is KeyType.EC256
    assert set(pin.asked) == {"env:PIN"}


def test_a_token_or_key_that_is_not_there_is_named(token: SoftHsm, tokens: Tokens) -> None:
    assert "'other'" in failure_of(tokens, token.uri("root", token="other"), "token").message
    assert "'root'" in failure_of(tokens, token.uri("root"), "not-found").message
    failure_of(tokens, token.uri("root").replace("libsofthsm2", "libnone"), "token")
    failure_of(tokens, token.uri("").replace("object=", ""), "bad-input")


def test_a_key_signs_again_after_every_session_was_closed_from_outside(
    token: SoftHsm, tokens: Tokens, pin: Pin
) -> None:
    key = tokens.create(token.uri("root"), KeyType.EC256)
    key.sign_bytes(b"before")
    asked = len(pin.asked)
    slot = pkcs11.lib(token.module).get_token(token_label=token.label).slot.slot_id
    assert ctypes.CDLL(token.module).C_CloseAllSessions(ctypes.c_ulong(slot)) == 0
    assert key.sign_bytes(b"after")
    assert len(pin.asked) == asked + 1


def test_a_key_signs_again_after_the_library_was_restarted(token: SoftHsm, tokens: Tokens) -> None:
    key = tokens.create(token.uri("root"), KeyType.RSA2048)
    expected = key.sign_bytes(b"data")
    token.release()
    assert key.sign_bytes(b"data") == expected


def test_a_token_that_was_made_anew_has_lost_the_key_and_says_so(token: SoftHsm, tokens: Tokens) -> None:
    key = tokens.create(token.uri("root"), KeyType.EC256)
    token.initialize("--token", token.label)
    token.release()
    with pytest.raises(EvercertError) as raised:
        key.sign_bytes(b"data")
    assert raised.value.code.name == "not-found"


def test_a_private_key_beside_anothers_public_half_is_not_believed(token: SoftHsm, tokens: Tokens) -> None:
    tokens.create(token.uri("root"), KeyType.RSA2048)
    tokens.close()
    other = generate(KeyType.RSA2048).crypto.public_key().public_numbers()
    with pkcs11.lib(token.module).get_token(token_label=token.label).open(rw=True, user_pin=token.pin) as session:
        (half,) = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY})
        template = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.RSA,
            pkcs11.Attribute.TOKEN: True,
            pkcs11.Attribute.ID: half[pkcs11.Attribute.ID],
            pkcs11.Attribute.LABEL: "root",
            pkcs11.Attribute.MODULUS: other.n.to_bytes(256),
            pkcs11.Attribute.PUBLIC_EXPONENT: other.e.to_bytes(3),
        }
        half.destroy()
        session.create_object(template)
    assert "do not belong together" in failure_of(tokens, token.uri("root"), "bad-key").message


def test_many_threads_sign_with_one_key(token: SoftHsm, tokens: Tokens) -> None:
    key = tokens.create(token.uri("root"), KeyType.ED25519)
    public = key.crypto.public_key()
    messages = [f"message {number}".encode() for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        for message, signature in zip(messages, pool.map(key.sign_bytes, messages), strict=True):
            public.verify(signature, message)


_SIGN_ELSEWHERE = """
import sys
from evercert.base.secret import Secret
from evercert.pki.hsm.opening import Tokens
key = Tokens(lambda reference: Secret(sys.stdin.readline().strip())).load(sys.argv[1])
for number in range(200):
    print(key.sign_bytes(b"%d" % number).hex())
"""


def test_two_processes_sign_with_one_key_at_once(token: SoftHsm, tokens: Tokens) -> None:
    key = tokens.create(token.uri("root"), KeyType.ED25519)
    command = [sys.executable, "-c", _SIGN_ELSEWHERE, token.uri("root")]
    with ThreadPoolExecutor(2) as pool:
        others = [
            pool.submit(subprocess.run, command, input=token.pin, capture_output=True, text=True, timeout=60)
            for _ in range(2)
        ]
        ours = [key.sign_bytes(b"%d" % number).hex() for number in range(200)]
        assert [each.result().stdout.split() for each in others] == [ours, ours]


def test_without_the_extra_everything_else_works_and_the_error_says_what_to_install(token: SoftHsm) -> None:
    program = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from evercert.pki.hsm.opening import Tokens\n"
        "try: Tokens(None).load(sys.argv[1])\n"
        "except Exception as error: print(error.code.name, error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, token.uri("a")], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "bad-input pip install 'evercert[pkcs11]'", done.stderr


def test_a_reference_says_by_its_scheme_whether_it_is_of_a_token() -> None:
    assert is_in_token("pkcs11:token=a")
    assert not is_in_token("file:/etc/evercert/ca.key")
