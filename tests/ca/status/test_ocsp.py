"""`/ocsp`, as anybody asks (RFC 6960, RFC 5019, RFC 9654)."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library

from evercert.base.serving import Answer
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.nouns import Certificate
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import certificates, leases
from evercert.db.protocol import Database, Query, Statement
from evercert.pki import der
from evercert.pki.issuing import sign
from evercert.pki.keys import KeyType
from evercert.pki.ocsp_request import cert_id
from tests.ca.status.given import DAY, HOUR, ONE, TWO, Registry, header, issuer, registry, written
from tests.pki.hierarchies import NOW, hierarchy, key_of, leaf_of
from tests.pki.linting import assert_clean, assert_ocsp_clean

Status = library.OCSPCertStatus
Said = library.OCSPResponseStatus


async def question(
    its: Registry, certificate: Certificate, nonce: bytes = b"", digest: hashes.HashAlgorithm | None = None
) -> bytes:
    above = its.issuers.named(certificate.issuer).signer.certificate
    leaf = x509.load_der_x509_certificate(await its.der(certificate))
    return asked(leaf, x509.load_der_x509_certificate(above), nonce, digest)


def asked(
    leaf: x509.Certificate, above: x509.Certificate, nonce: bytes = b"", digest: hashes.HashAlgorithm | None = None
) -> bytes:
    builder = library.OCSPRequestBuilder().add_certificate(leaf, above, digest or hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


async def post(its: Registry, body: bytes) -> Answer:
    answer = await its.get("/ocsp", "POST", body, **{"content-type": "application/ocsp-request"})
    assert (answer.status, header(answer, "content-type")) == (200, "application/ocsp-response")
    assert_ocsp_clean(answer.body)
    return answer


async def said(its: Registry, certificate: Certificate, **more: Any) -> library.OCSPResponse:
    """The answer, which its issuer has signed, or whom he has named."""
    response = library.load_der_ocsp_response((await post(its, await question(its, certificate, **more))).body)
    verify(its, certificate.issuer, response)
    return response


def verify(its: Registry, name: str, response: library.OCSPResponse) -> None:
    above: Any = its.issuers.named(name).signer.key.crypto.public_key()
    for each in response.certificates:
        assert_clean(each.public_bytes(Encoding.DER), its.issuers.named(name).signer.certificate)
        each.verify_directly_issued_by(x509.load_der_x509_certificate(its.issuers.named(name).signer.certificate))
        above = each.public_key()
    algorithm: Any = response.signature_hash_algorithm
    if isinstance(above, rsa.RSAPublicKey):
        above.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    else:
        above.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))


async def test_a_certificate_is_good_until_it_is_revoked_and_then_it_is_not_at_once(db: Database) -> None:
    its = registry(db)
    made = await its.issued()
    first = await said(its, made)
    assert (first.certificate_status, first.this_update_utc, first.next_update_utc) == (
        Status.GOOD,
        NOW,
        NOW + 8 * HOUR,
    )
    await its.revoke(made, 1)
    then = await said(its, made)
    assert then.certificate_status is Status.REVOKED
    assert then.revocation_time_utc == NOW
    assert then.revocation_reason is x509.ReasonFlags.key_compromise


async def test_what_is_not_known_is_never_good(db: Database) -> None:
    its = registry(db, Issuers([issuer(), issuer(TWO)]))
    stranger = x509.load_der_x509_certificate(sign(leaf_of(key_of(KeyType.EC256)), hierarchy(name=ONE).issuing))
    above = x509.load_der_x509_certificate(its.issuers.named(ONE).signer.certificate)
    answer = await post(its, asked(stranger, above))
    found = library.load_der_ocsp_response(answer.body)
    assert found.certificate_status is Status.UNKNOWN
    assert header(answer, "cache-control").startswith("max-age=60,")
    other = int((await its.issued(TWO)).serial, 16)
    crossed = await post(its, _request(cert_id(other, its.issuers.named(ONE).signer).der))
    assert library.load_der_ocsp_response(crossed.body).certificate_status is Status.UNKNOWN


async def test_who_is_asked_about_a_strangers_certificate_is_not_authorized(one_db: Database) -> None:
    its, away = registry(one_db), hierarchy(name="away").issuing
    leaf = x509.load_der_x509_certificate(sign(leaf_of(key_of(KeyType.EC256)), away))
    answer = await post(its, asked(leaf, x509.load_der_x509_certificate(away.certificate)))
    assert library.load_der_ocsp_response(answer.body).response_status is Said.UNAUTHORIZED
    assert header(answer, "cache-control") == "no-store"


async def test_an_issuer_that_has_ended_is_nobodys(one_db: Database) -> None:
    its = registry(one_db)
    body = await question(its, await its.issued())
    its.clock.advance(6 * 365 * DAY)
    assert library.load_der_ocsp_response((await post(its, body)).body).response_status is Said.UNAUTHORIZED


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()], ids=lambda each: each.name)
async def test_an_issuer_is_told_by_either_hash(one_db: Database, digest: hashes.HashAlgorithm) -> None:
    its = registry(one_db)
    found = await said(its, await its.issued(), digest=digest)
    assert (found.certificate_status, found.hash_algorithm.name) == (Status.GOOD, digest.name)


async def test_a_nonce_comes_back_and_is_kept_by_nobody(one_db: Database) -> None:
    its = registry(one_db)
    made = await its.issued()
    answer = await post(its, await question(its, made, nonce=b"n" * 32))
    found = library.load_der_ocsp_response(answer.body)
    assert found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    assert header(answer, "cache-control") == "no-store"
    assert len((await said(its, made)).extensions) == 0


async def test_several_are_answered_in_one(one_db: Database) -> None:
    its = registry(one_db, Issuers([issuer(), issuer(TWO)]))
    signer = its.issuers.named(ONE).signer
    good, gone = await its.issued(), await its.revoked()
    ids = [cert_id(serial, signer) for serial in (int(good.serial, 16), int(gone.serial, 16), 5)]
    answer = await post(its, _request(*(each.der for each in ids)))
    found = list(library.load_der_ocsp_response(answer.body).responses)
    assert [each.certificate_status for each in found] == [Status.GOOD, Status.REVOKED, Status.UNKNOWN]
    mixed = _request(ids[0].der, cert_id(1, its.issuers.named(TWO).signer).der)
    assert library.load_der_ocsp_response((await post(its, mixed)).body).response_status is Said.UNAUTHORIZED


def _request(*ids: bytes) -> bytes:
    return der.sequence(der.sequence(der.sequence(*(der.sequence(each) for each in ids))))


async def test_a_get_is_answered_alike_and_kept_until_the_next_update(one_db: Database) -> None:
    its = registry(one_db)
    body = await question(its, await its.issued())
    text = base64.b64encode(body).decode()
    posted = await post(its, body)
    for path in (f"/ocsp/{text}", f"/ocsp/{quote(text, safe='')}"):
        answer = await its.get(path)
        assert answer.body == posted.body
        assert header(answer, "content-type") == "application/ocsp-response"
        assert header(answer, "cache-control") == f"max-age={8 * 3600}, public, no-transform, must-revalidate"
        assert header(answer, "last-modified") == written(NOW)
        assert header(answer, "expires") == written(NOW + 8 * HOUR)
        again = await its.get(path, if_none_match=header(answer, "etag"))
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("body", [b"", b"0", b"\x30\x00", b"\xff" * 100, bytes(20_000)])
async def test_what_is_no_request_is_malformed(one_db: Database, body: bytes) -> None:
    its = registry(one_db)
    answer = await post(its, body)
    assert library.load_der_ocsp_response(answer.body).response_status is Said.MALFORMED_REQUEST
    got = await its.get(f"/ocsp/{base64.b64encode(body)[:4000].decode()}")
    assert library.load_der_ocsp_response(got.body).response_status is Said.MALFORMED_REQUEST


async def test_what_is_no_base64_is_malformed_and_other_methods_are_not_taken(one_db: Database) -> None:
    its = registry(one_db)
    for path in ("/ocsp", "/ocsp/", "/ocsp/%", "/ocsp/ü", "/ocsp/" + "A" * 9000):
        assert library.load_der_ocsp_response((await its.get(path)).body).response_status is Said.MALFORMED_REQUEST
    assert (await its.get("/ocsp", "PUT")).status == 405


async def test_a_store_that_fails_is_told_as_try_later(one_db: Database) -> None:
    its = registry(one_db)
    body = await question(its, await its.issued())
    await one_db.close()
    assert library.load_der_ocsp_response((await post(its, body)).body).response_status is Said.TRY_LATER


async def test_an_answer_is_signed_once_while_it_is_true_and_fresh(one_db: Database) -> None:
    its = registry(one_db)
    made = await its.issued()
    first = await said(its, made)
    its.clock.advance(5 * HOUR)
    assert (await said(its, made)).signature == first.signature
    its.clock.advance(2 * HOUR)
    later = await said(its, made)
    assert later.this_update_utc == NOW + 7 * HOUR
    await its.revoke(made)
    assert (await said(its, made)).certificate_status is Status.REVOKED


async def test_what_is_in_memory_is_bounded(one_db: Database) -> None:
    its = registry(one_db)
    application: Any = its.parts.applications["ocsp"]
    for serial in range(5000):
        await its.get("/ocsp", "POST", _request(cert_id(serial, its.issuers.named(ONE).signer).der))
    assert len(application.held) == 4096


# Who signs


async def test_an_issuer_whose_key_is_slow_names_a_responder_of_some_days(db: Database) -> None:
    its = registry(db, Issuers([issuer(key_type=KeyType.RSA2048, wants_thread=True)]))
    made = await its.issued()
    (first,) = (await said(its, made)).certificates
    assert first.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value._usages == [
        x509.ExtendedKeyUsageOID.OCSP_SIGNING
    ]
    assert first.not_valid_after_utc - NOW <= 5 * DAY
    assert await certificates.get(db, f"{first.serial_number:x}") is not None
    its.clock.advance(DAY)
    assert (await said(its, made)).certificates == [first]
    its.clock.advance(2 * DAY)
    (second,) = (await said(its, made)).certificates
    assert second.public_key() != first.public_key()
    assert (await said(its, made)).next_update_utc < second.not_valid_after_utc


async def test_the_operator_may_say_who_signs(one_db: Database) -> None:
    delegated = registry(one_db, rules=StatusRules(responder="delegated"))
    made = await delegated.issued()
    assert (await said(delegated, made)).certificates
    by_issuer = delegated.beside(responder="issuer")
    assert not (await said(by_issuer, made)).certificates


# Ahead


async def test_answers_are_signed_ahead_and_served_from_any_node(db: Database) -> None:
    its = registry(db, rules=StatusRules(presign=True))
    made = [await its.issued() for _ in range(60)]
    gone, over = await its.revoked(), await its.issued(life=HOUR)
    its.clock.advance(2 * HOUR)
    presigner = its.parts.presigner
    assert presigner
    await presigner.round()
    rows = await db.rows(_kept())
    assert {serial for (serial,) in rows} == {each.serial for each in made}
    its.clock.advance(HOUR)
    other = its.beside()
    found = await said(other, made[0])
    assert (found.certificate_status, found.this_update_utc) == (Status.GOOD, NOW + 2 * HOUR)
    assert (await said(other, gone)).certificate_status is Status.REVOKED
    assert (await said(other, over)).this_update_utc == NOW + 3 * HOUR


async def test_a_revocation_ends_what_was_signed_ahead_also_where_it_came_too_late(db: Database) -> None:
    its = registry(db, rules=StatusRules(presign=True))
    made = await its.issued()
    presigner = its.parts.presigner
    assert presigner
    await presigner.round()
    (row,) = await db.rows(_kept())
    await its.revoke(made)
    assert await db.rows(_kept()) == []
    await db.write(_put_back(row[0]))
    assert (await said(its, made)).certificate_status is Status.REVOKED


async def test_answers_are_renewed_when_half_of_their_life_is_over(one_db: Database) -> None:
    its = registry(one_db, rules=StatusRules(presign=True))
    made = await its.issued()
    presigner = its.parts.presigner
    assert presigner
    for hours in (0, 3, 2):
        its.clock.advance(hours * HOUR)
        await presigner.round()
    assert (await said(its.beside(), made)).this_update_utc == NOW + 5 * HOUR


async def test_one_node_signs_ahead_for_all(one_db: Database) -> None:
    its = registry(one_db, rules=StatusRules(presign=True))
    await its.issued()
    await leases.take(one_db, "OCSP ahead", 42, NOW, NOW + timedelta(minutes=2))
    presigner = its.parts.presigner
    assert presigner
    await presigner.round()
    assert await one_db.rows(_kept()) == []
    its.clock.advance(timedelta(minutes=3))
    await presigner.round()
    assert len(await one_db.rows(_kept())) == 1


def _kept() -> Statement:
    return Query("kept answers", "SELECT serial FROM ocsp_responses")()


def _put_back(serial: str) -> Statement:
    sql = "INSERT INTO ocsp_responses (serial, this_update, next_update, der) VALUES (:serial, 1, 9, :der)"
    return Query("put back", sql)(serial=serial, der=b"good")
