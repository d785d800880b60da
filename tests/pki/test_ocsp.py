"""OCSP: requests from anybody, responses that the library and OpenSSL believe."""

from __future__ import annotations

import base64
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.pki import der, ocsp
from evercert.pki.cert import certificate_pem
from evercert.pki.issuing import sign
from evercert.pki.keys import KeyType, PrivateKey
from evercert.pki.ocsp import Status, respond, responder_leaf
from evercert.pki.ocsp_request import CertId, Request, cert_id, read_request, request_in_path
from evercert.pki.signer import Signer
from tests.pki.hierarchies import KEY_TYPES, NOW, hierarchy, key_of, leaf_of
from tests.pki.linting import assert_clean, assert_ocsp_clean

_DAY = timedelta(days=1)
_SERIAL = 1 << 128 | 5


def request_for(serial: int = _SERIAL, nonce: bytes = b"", algorithm: Any = None) -> bytes:
    issuer = x509.load_der_x509_certificate(hierarchy().issuing.certificate)
    leaf = x509.load_der_x509_certificate(
        sign(leaf_of(key_of(KeyType.EC256), serial=serial), hierarchy().issuing),
    )
    builder = library.OCSPRequestBuilder().add_certificate(leaf, issuer, algorithm or hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def answer(*statuses: Status, signer: Signer | None = None, **more: Any) -> bytes:
    fields: dict[str, Any] = {"this_update": NOW, "next_update": NOW + 7 * _DAY} | more
    return respond(statuses, signer or hierarchy().issuing, **fields)


def verify(key: PrivateKey, response: library.OCSPResponse) -> None:
    """Raises unless *key* signed the response."""
    public, signature, data = key.crypto.public_key(), response.signature, response.tbs_response_bytes
    digest: Any = key.digest
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, padding.PKCS1v15(), digest)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, data, ec.ECDSA(digest))
    else:
        public.verify(signature, data)


def delegated() -> Signer:
    key = key_of(KeyType.EC256, "responder")
    leaf = responder_leaf(9, key.spki, (("CN", "Responder"),), not_before=NOW, not_after=NOW + 30 * _DAY)
    return Signer(sign(leaf, hierarchy().issuing), key)


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_a_request_is_read_as_the_library_writes_it(name: Literal["sha1", "sha256"]) -> None:
    algorithm = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[name]
    request = read_request(request_for(nonce=b"n" * 32, algorithm=algorithm))
    assert request == Request((cert_id(_SERIAL, hierarchy().issuing, name),), b"n" * 32)
    assert request.asked[0].is_of(hierarchy().issuing)
    assert not request.asked[0].is_of(hierarchy().root)


def test_a_hash_that_we_do_not_know_names_no_issuer_of_ours() -> None:
    [asked] = read_request(request_for(algorithm=hashes.SHA384())).asked
    assert (asked.algorithm, asked.is_of(hierarchy().issuing)) == ("", False)


@pytest.mark.parametrize("key_type", KEY_TYPES, ids=lambda each: each.value)
def test_a_response_of_each_key_type_is_clean_and_believed(key_type: KeyType) -> None:
    issuing = hierarchy(key_type).issuing
    data = answer(Status(cert_id(_SERIAL, issuing)), signer=issuing, nonce=b"n" * 32)
    assert_ocsp_clean(data)
    response = library.load_der_ocsp_response(data)
    verify(issuing.key, response)
    assert response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert response.certificate_status is library.OCSPCertStatus.GOOD
    assert (response.this_update_utc, response.next_update_utc, response.produced_at_utc) == (NOW, NOW + 7 * _DAY, NOW)
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    assert (response.serial_number, response.certificates) == (_SERIAL, [])
    assert response.responder_key_hash == issuing.key_hash["sha1"]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_good_revoked_and_unknown_are_told_apart(algorithm: Any) -> None:
    asked = cert_id(_SERIAL, hierarchy().issuing, algorithm)
    states = {
        library.OCSPCertStatus.GOOD: Status(asked),
        library.OCSPCertStatus.REVOKED: Status(asked, NOW - _DAY, 1),
        library.OCSPCertStatus.UNKNOWN: Status(asked, issued=False),
    }
    for said, status in states.items():
        data = answer(status, produced_at=NOW + _DAY)
        assert_ocsp_clean(data)
        response = library.load_der_ocsp_response(data)
        assert response.certificate_status is said
        assert response.produced_at_utc == NOW + _DAY
    revoked = library.load_der_ocsp_response(answer(states[library.OCSPCertStatus.REVOKED]))
    assert (revoked.revocation_time_utc, revoked.revocation_reason) == (NOW - _DAY, x509.ReasonFlags.key_compromise)


def test_a_revocation_without_a_reason_gives_none() -> None:
    response = library.load_der_ocsp_response(answer(Status(cert_id(_SERIAL, hierarchy().issuing), NOW)))
    assert response.revocation_reason is None


def test_several_questions_get_one_response() -> None:
    issuing = hierarchy().issuing
    data = answer(Status(cert_id(1, issuing)), Status(cert_id(2, issuing), NOW, 4))
    assert_ocsp_clean(data)
    found = library.load_der_ocsp_response(data).responses
    assert [each.serial_number for each in found] == [1, 2]


def test_a_responder_shows_the_certificate_that_its_issuer_made_it() -> None:
    issuing, signer = hierarchy().issuing, delegated()
    assert_clean(signer.certificate, issuing.certificate)
    data = answer(Status(cert_id(_SERIAL, issuing)), signer=signer)
    assert_ocsp_clean(data)
    response = library.load_der_ocsp_response(data)
    verify(signer.key, response)
    [certificate] = response.certificates
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issuing.certificate))
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
    assert certificate.extensions.get_extension_for_class(x509.OCSPNoCheck)


@pytest.mark.parametrize("by", ["issuer", "responder"])
@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_openssl_asks_and_believes(by: str, digest: str, tmp_path: Path) -> None:
    made, key = hierarchy(), key_of(KeyType.EC256)
    (tmp_path / "issuing").write_text(certificate_pem(made.issuing.certificate))
    (tmp_path / "root").write_text(certificate_pem(made.root.certificate))
    for serial in (77, 78):
        (tmp_path / f"{serial}").write_text(certificate_pem(sign(leaf_of(key, serial=serial), made.issuing)))
    asked = ["-issuer", "issuing", digest, "-cert", "77", digest, "-cert", "78"]
    openssl(tmp_path, *asked, "-reqout", "request")
    request = read_request((tmp_path / "request").read_bytes())
    assert request.nonce
    signer = made.issuing if by == "issuer" else delegated()
    first, second = request.asked
    data = answer(Status(first, NOW, 1), Status(second), signer=signer, nonce=request.nonce)
    (tmp_path / "response").write_bytes(data)
    trust = ["-CAfile", "root", "-verify_other", "issuing", "-attime", str(int(NOW.timestamp()))]
    said = openssl(tmp_path, "-issuer", "issuing", "-reqin", "request", "-respin", "response", *trust)
    assert "Response verify OK" in said
    asked += ["-no_nonce", "-validity_period", str(10**9)]
    said = openssl(tmp_path, *asked, "-respin", "response", *trust)
    assert "77: revoked" in said
    assert "Reason: keyCompromise" in said
    assert "78: good" in said


def test_a_request_that_is_signed_is_read_and_its_signature_passed_over(tmp_path: Path) -> None:
    made = hierarchy()
    for name, signer in (("issuing", made.issuing), ("root", made.root)):
        (tmp_path / name).write_text(certificate_pem(signer.certificate))
    (tmp_path / "key").write_bytes(made.root.key.to_pem().reveal())
    asked = ["-issuer", "issuing", "-serial", "0x1234", "-signer", "root", "-signkey", "key"]
    openssl(tmp_path, *asked, "-reqout", "request")
    [question] = read_request((tmp_path / "request").read_bytes()).asked
    assert (question.serial, question.is_of(made.issuing)) == (0x1234, True)


def openssl(folder: Path, *argv: str) -> str:
    done = subprocess.run(["openssl", "ocsp", *argv], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_failure_is_what_the_library_would_say() -> None:
    said = library.OCSPResponseStatus
    for data, status in {
        ocsp.MALFORMED_REQUEST: said.MALFORMED_REQUEST,
        ocsp.INTERNAL_ERROR: said.INTERNAL_ERROR,
        ocsp.TRY_LATER: said.TRY_LATER,
        ocsp.UNAUTHORIZED: said.UNAUTHORIZED,
    }.items():
        assert library.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER) == data
        assert_ocsp_clean(data)


@pytest.mark.parametrize("length", [1, 16, 32, 127, 128])
def test_a_nonce_of_1_to_128_octets_comes_back(length: int) -> None:
    nonce = bytes(length)
    assert read_request(request_for(nonce=nonce)).nonce == nonce


def asking(*, extensions: bytes = b"", questions: bytes | None = None, version: bytes = b"") -> bytes:
    """A request put together by hand."""
    asked = der.sequence(cert_id(_SERIAL, hierarchy().issuing).der) if questions is None else questions
    more = der.constructed(0xA2, der.sequence(extensions)) if extensions else b""
    return der.sequence(der.sequence(version, der.sequence(asked), more))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.sequence(der.oid(dotted), der.TRUE if critical else b"", der.octets(value))


def extensions_of(*each: bytes) -> bytes:
    return der.constructed(0xA0, der.sequence(*each))


_NONCE = "1.3.6.1.5.5.7.48.1.2"


def question(**changed: bytes) -> bytes:
    fields = {
        "algorithm": der.sequence(der.oid("1.3.14.3.2.26"), der.NULL),
        "name_hash": der.octets(bytes(20)),
        "key_hash": der.octets(bytes(20)),
        "serial": der.integer(5),
        "extensions": b"",
    } | changed
    extensions = fields.pop("extensions")
    return der.sequence(der.sequence(*fields.values()), extensions)


_MALFORMED = {
    "nothing": b"",
    "empty": b"\x30\x00",
    "indefinite": b"\x30\x80\x00\x00",
    "deep": b"\x30" * 20_000,
    "empty nonce": asking(extensions=extension(_NONCE, der.octets(b""))),
    "nonce of 129": asking(extensions=extension(_NONCE, der.octets(bytes(129)))),
    "raw nonce": asking(extensions=extension(_NONCE, b"raw")),
    "no nonce in it": asking(extensions=extension(_NONCE, b"")),
    "nonce with a long length": asking(extensions=extension(_NONCE, b"\x04\x81\x05hello")),
    "two nonces": asking(extensions=extension(_NONCE, der.octets(b"1")) + extension(_NONCE, der.octets(b"2"))),
    "critical and unknown": asking(extensions=extension("1.2.3", b"", critical=True)),
    "no question": asking(questions=b""),
    "17 questions": asking(questions=question() * 17),
    "negative serial": asking(questions=question(serial=der.integer(-5))),
    "serial of 21 octets": asking(questions=question(serial=der.integer(1 << 160))),
    "padded serial": asking(questions=question(serial=b"\x02\x02\x00\x05")),
    "long hash": asking(questions=question(name_hash=der.octets(bytes(65)))),
    "no key hash": asking(questions=question(key_hash=b"")),
    "critical in a question": asking(
        questions=question(extensions=extensions_of(extension("1.2.3", b"", critical=True)))
    ),
    "version 2": asking(version=der.constructed(0xA0, der.integer(1))),
    "more behind": asking() + b"\x00",
    "large": asking(extensions=extension("1.2.3", bytes(16_384))),
}


@pytest.mark.parametrize("data", _MALFORMED.values(), ids=_MALFORMED)
def test_a_malformed_request_is_refused(data: bytes) -> None:
    with pytest.raises(EvercertError) as raised:
        read_request(data)
    assert raised.value.code.name == "bad-input"


def test_what_is_not_critical_and_not_known_is_passed_over() -> None:
    acceptable = extension("1.3.6.1.5.5.7.48.1.4", der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1")))
    request = read_request(asking(extensions=acceptable + extension(_NONCE, der.octets(b"n"), critical=True)))
    assert request.nonce == b"n"
    assert len(read_request(asking(questions=question() * 16)).asked) == 16
    service = extensions_of(extension("1.3.6.1.5.5.7.48.1.7", b""))
    assert read_request(asking(questions=question(extensions=service))).asked[0].serial == 5


def test_an_algorithm_without_parameters_goes_back_as_it_came() -> None:
    bare = question(algorithm=der.sequence(der.oid("1.3.14.3.2.26")))
    [asked] = read_request(asking(questions=bare)).asked
    assert asked.algorithm == "sha1"
    assert asked.der in answer(Status(asked))
    assert der.sequence(asked.der) == bare


def test_a_request_stands_in_a_path_escaped_or_not() -> None:
    data = next(each for each in map(request_for, range(1, 99)) if b"+" in base64.b64encode(each))
    text = base64.b64encode(data).decode()
    assert request_in_path(text) == request_in_path(quote(text, safe="")) == data
    assert isinstance(read_request(data).asked[0], CertId)


@pytest.mark.parametrize("path", ["%", "a", "a b=", "ä", "%00", "../etc", "A" * 2052, "MDA=\n"])
def test_a_path_that_is_no_base64_is_refused(path: str) -> None:
    with pytest.raises(EvercertError) as raised:
        request_in_path(path)
    assert raised.value.code.name == "bad-input"


_REQUEST = request_for(nonce=b"n" * 32)


def read_or_refuse(data: bytes) -> None:
    try:
        request = read_request(data)
    except EvercertError as error:
        assert error.code.name == "bad-input"  # noqa: PT017  # either is right; anything else stops us from outside
    else:
        assert library.load_der_ocsp_response(answer(*[Status(each) for each in request.asked], nonce=request.nonce))


@given(st.binary(max_size=300))
def test_any_octets_are_refused(data: bytes) -> None:
    read_or_refuse(data)


@given(st.lists(st.tuples(st.integers(0, len(_REQUEST) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_request_is_answered_or_refused(damages: list[tuple[int, int]]) -> None:
    damaged = bytearray(_REQUEST)
    for place, octet in damages:
        damaged[place] = octet
    read_or_refuse(bytes(damaged))


@given(st.integers(0, len(_REQUEST)), st.binary(max_size=8))
def test_a_request_cut_short_or_with_more_behind_is_answered_or_refused(length: int, more: bytes) -> None:
    read_or_refuse(_REQUEST[:length] + more)
