"""OCSP requests (RFC 6960 §4.1), as they come from anybody: bounded, strict DER, and only what an answer needs.

A requestor's name and signature are read and passed over (§2.1: they are there for responders that bill).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat import asn1

from evercert.base.errors import EvercertError
from evercert.pki import der
from evercert.pki.signer import Signer

__all__ = ["CertId", "Request", "cert_id", "read_request", "request_in_path"]

# One question is some 80 octets; a post-quantum signature and its certificate, which we do not ask for, some 10 kB.
_MAX_REQUEST: Final = 16 * 1024
_MAX_QUESTIONS: Final = 16
_MAX_PATH: Final = 2048
_MAX_SERIAL: Final = 1 << 160  # RFC 5280 §4.1.2.2: 20 octets

_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_HASHES: Final = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}
_ALGORITHMS: Final = {name: der.sequence(der.oid(oid), der.NULL) for oid, name in _HASHES.items()}


@dataclass(frozen=True, slots=True)
class CertId:
    """Which certificate is asked about: its serial number, and its issuer by two hashes. `algorithm` is "sha1",
    "sha256" or "" for one that we do not know; `der` is what goes back, as it came."""

    serial: int
    algorithm: str
    name_hash: bytes
    key_hash: bytes
    der: bytes

    def is_of(self, issuer: Signer) -> bool:
        """Whether *issuer* is who would have issued it. No secret is compared."""
        names = issuer.name_hash.get(self.algorithm), issuer.key_hash.get(self.algorithm)
        return names == (self.name_hash, self.key_hash)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, one or more, and the nonce that shall come back (RFC 9654), b"" for none."""

    asked: tuple[CertId, ...]
    nonce: bytes = b""


def read_request(data: bytes) -> Request:
    """The request (DER). Raises `bad-input` for whatever is none, or asks too much at once; the answer to that is
    `ocsp.MALFORMED_REQUEST`."""
    if len(data) > _MAX_REQUEST:
        raise _bad()
    try:
        request = asn1.decode_der(_OcspRequest, data)
        asked = tuple(_read_cert_id(each) for each in request.tbs.requests)
    except ValueError as error:
        raise _bad() from error
    if request.tbs.version != 0:
        raise _bad()
    return Request(asked, _read_extensions(request.tbs.extensions or []))


def request_in_path(path: str) -> bytes:
    """The request that stands in a GET's path behind the responder's own (RFC 6960 appendix A.1): base64, with the
    URL's escapes or without. Raises `bad-input`."""
    try:
        if len(path) > _MAX_PATH:
            raise _bad()
        return base64.b64decode(unquote_to_bytes(path), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _bad() from error


def cert_id(serial: int, issuer: Signer, algorithm: Literal["sha1", "sha256"] = "sha1") -> CertId:
    """What a client would ask for, to answer before anybody does."""
    name_hash, key_hash = issuer.name_hash[algorithm], issuer.key_hash[algorithm]
    encoded = der.sequence(_ALGORITHMS[algorithm], der.octets(name_hash), der.octets(key_hash), der.integer(serial))
    return CertId(serial, algorithm, name_hash, key_hash, encoded)


def _read_cert_id(question: _Question) -> CertId:
    for each in question.extensions or ():
        if each.critical:
            raise ValueError("a critical extension that is not known")
    asked = question.cert_id.parse(_CertId)
    if not 0 <= asked.serial_number < _MAX_SERIAL:
        raise ValueError("no serial number that a certificate has")
    algorithm = _HASHES.get(asked.hash_algorithm.algorithm.dotted_string, "")
    encoded = der.sequence(bytes(question.cert_id.data))
    return CertId(asked.serial_number, algorithm, asked.issuer_name_hash, asked.issuer_key_hash, encoded)


def _read_extensions(extensions: list[_Extension]) -> bytes:
    """The nonce. RFC 6960 §4.4: what is critical and not known must not be passed over."""
    nonces = [each.value for each in extensions if each.oid.dotted_string == _NONCE]
    unknown = [each for each in extensions if each.critical and each.oid.dotted_string != _NONCE]
    if unknown or len(nonces) > 1:
        raise _bad()
    return _read_nonce(nonces[0]) if nonces else b""


def _read_nonce(value: bytes) -> bytes:
    """RFC 9654 §2.1: an OCTET STRING of 1 to 128 octets, or the request is malformed."""
    nonce = value[2:] if len(value) < 0x82 else value[3:]
    if not 1 <= len(nonce) <= 128 or value != der.octets(nonce):
        raise _bad()
    return nonce


def _bad() -> EvercertError:
    return EvercertError("bad-input", "not an OCSP request that can be answered")


# The ASN.1 of RFC 6960 §4.1.1, for the library's reader.


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _CertId:
    hash_algorithm: _Algorithm
    issuer_name_hash: Annotated[bytes, asn1.Size(min=1, max=64)]
    issuer_key_hash: Annotated[bytes, asn1.Size(min=1, max=64)]
    serial_number: int


@asn1.sequence
class _Extension:
    oid: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class _Question:
    cert_id: asn1.TLV
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(0)]


@asn1.sequence
class _Signature:
    algorithm: asn1.TLV
    signature: asn1.BitString
    certificates: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


# The kinds of GeneralName that a requestor may go by.
_Name = (
    Annotated[asn1.Variant[asn1.TLV, Literal["directory"]], asn1.Explicit(4)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["email"]], asn1.Implicit(1)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["dns"]], asn1.Implicit(2)]
    | Annotated[asn1.Variant[asn1.IA5String, Literal["uri"]], asn1.Implicit(6)]
)


@asn1.sequence
class _TbsRequest:
    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    requestor: Annotated[_Name | None, asn1.Explicit(1)]
    requests: Annotated[list[_Question], asn1.Size(min=1, max=_MAX_QUESTIONS)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(2)]


@asn1.sequence
class _OcspRequest:
    tbs: _TbsRequest
    signature: Annotated[_Signature | None, asn1.Explicit(0)]
