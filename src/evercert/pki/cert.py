"""Certificates: read into what the product needs to know; and the few that we make ourselves."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.base.secret import Secret
from evercert.pki.der import pem
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.names import alternative_names, identifiers_of
from evercert.pki.unreadable import UNREADABLE

__all__ = ["CertificateView", "certificate_pem", "parsed", "read_certificate", "self_signed", "self_signed_server"]

# A post-quantum leaf with a hundred names has some 20 kB.
_MAX_DER = 256 * 1024

# A certificate is looked at by whoever takes it over on its way from the CA to a target, and its issuers, which
# thousands share, every time.
_REMEMBERED = 128

# RFC 8737 §6.1: id-pe-acmeIdentifier.
_ACME_IDENTIFIER: Final = ObjectIdentifier("1.3.6.1.5.5.7.1.31")

# RFC 5280 §4.1.2.5: "no well-defined expiration date". Nobody checks the dates of a challenge's certificate.
_ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))

# What the library still reads but will refuse one day (a serial below one, say) is refused here already:
# from outside nobody shall make it write warnings.
warnings.filterwarnings("error", category=CryptographyDeprecationWarning, module=r"evercert\.pki")


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate, as far as we look into it. `serial` and `fingerprint` (SHA-256 of the DER) are
    lower-case hex; `issuer` and `subject` are a CN, else an O, else the whole name; `ari_id` is RFC 9773
    §4.1's, "" where there is no authority key identifier."""

    der: bytes
    serial: str
    not_before: datetime
    not_after: datetime
    identifiers: tuple[Identifier, ...]
    issuer: str
    subject: str
    spki: bytes
    fingerprint: str
    aki: bytes
    ari_id: str
    is_ca: bool


@lru_cache(maxsize=_REMEMBERED)
def read_certificate(der: bytes) -> CertificateView:
    """What the certificate says. Raises `bad-certificate` for whatever is none."""
    certificate = parsed(der)
    try:
        aki = _authority_key_identifier(certificate)
        return CertificateView(
            der=der,
            serial=f"{certificate.serial_number:x}",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            identifiers=identifiers_of(certificate.extensions),
            issuer=_called(certificate.issuer),
            subject=_called(certificate.subject),
            spki=certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            fingerprint=sha256(der).hexdigest(),
            aki=aki,
            ari_id=f"{_b64(aki)}.{_b64(_serial_octets(certificate))}" if aki else "",
            is_ca=_is_ca(certificate),
        )
    except UNREADABLE as error:
        raise _bad() from error


@lru_cache(maxsize=_REMEMBERED)
def parsed(der: bytes) -> x509.Certificate:
    """The library's own object, for this room alone."""
    if len(der) > _MAX_DER:
        raise _bad()
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise _bad() from error


def certificate_pem(der: bytes) -> str:
    """RFC 7468 §5, with a newline at its end."""
    return pem("CERTIFICATE", der)


def self_signed(identifier: Identifier, acme_identifier_digest: bytes) -> tuple[str, Secret]:
    """The certificate that answers tls-alpn-01 (RFC 8737 §3) and its key, PEM: one name, and the digest
    of the key authorization (32 octets) in the critical acmeIdentifier extension."""
    # DER OCTET STRING of 32 octets (§3: "the SHA-256 digest ... as an OCTET STRING").
    proof = x509.UnrecognizedExtension(_ACME_IDENTIFIER, b"\x04\x20" + acme_identifier_digest)
    return _self_signed([identifier], [(proof, True)], _ALWAYS)


def self_signed_server(identifiers: Sequence[Identifier], now: datetime) -> tuple[str, Secret]:
    """A certificate of thirty days for a server that has no other yet, and its key, PEM. It may stand
    in a file of trust anchors."""
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return _self_signed(
        identifiers,
        [(x509.BasicConstraints(ca=True, path_length=0), True), (server, False)],
        (now, now + timedelta(days=30)),
    )


def _self_signed(
    identifiers: Sequence[Identifier],
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    validity: tuple[datetime, datetime],
) -> tuple[str, Secret]:
    key = generate(KeyType.EC256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evercert self-signed")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.crypto.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(alternative_names(identifiers), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return certificate_pem(_signed(builder, key)), key.to_pem()


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> bytes:
    return builder.sign(key.crypto, key.digest).public_bytes(Encoding.DER)


def _called(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if attributes := name.get_attributes_for_oid(oid):
            return one_line(str(attributes[0].value))
    return one_line(name.rfc4514_string())


def _authority_key_identifier(certificate: x509.Certificate) -> bytes:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return extension.value.key_identifier or b""


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _serial_octets(certificate: x509.Certificate) -> bytes:
    """The serial number's DER content octets, leading zero included (RFC 9773 §4.1)."""
    number = certificate.serial_number
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bad() -> EvercertError:
    return EvercertError("bad-certificate", "not a certificate that can be read")
