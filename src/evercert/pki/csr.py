"""Certificate signing requests (PKCS #10, RFC 2986): made, and read when they come from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.pki.keys import PrivateKey
from evercert.pki.names import alternative_names, identifiers_of
from evercert.pki.unreadable import UNREADABLE

__all__ = ["CsrView", "build_csr", "names_in", "read_csr", "spki_of"]

_MAX_CSR = 64 * 1024


@dataclass(frozen=True, slots=True)
class CsrView:
    """A request whose signature proves that its key's owner made it."""

    der: bytes
    identifiers: tuple[Identifier, ...]
    spki: bytes
    must_staple: bool


def build_csr(key: PrivateKey, identifiers: Sequence[Identifier], must_staple: bool = False) -> bytes:
    """The request (DER): all names in subjectAltName, an empty subject (a CN is deprecated, and holds no
    more than 64 characters), and the TLS feature of RFC 7633 where it is asked for."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(alternative_names(identifiers), critical=False)
    )
    if must_staple:
        builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    return builder.sign(key.crypto, key.digest).public_bytes(Encoding.DER)


def spki_of(csr: bytes) -> bytes:
    """The public key (DER) in a request (DER) that was made or read here before: nothing is checked again."""
    public_key = x509.load_der_x509_csr(csr).public_key()
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def names_in(csr: bytes) -> tuple[Identifier, ...]:
    """What such a request asks for."""
    return identifiers_of(x509.load_der_x509_csr(csr).extensions)


def read_csr(data: bytes) -> CsrView:
    """The request in PEM or DER. Raises `bad-input` unless it is signed by its own key, and `bad-name`
    for a name in it that no CA issues for."""
    if len(data) > _MAX_CSR:
        raise _bad(f"it has more than {_MAX_CSR} bytes")
    try:
        pem = data.lstrip().startswith(b"-----BEGIN")
        csr = x509.load_pem_x509_csr(data) if pem else x509.load_der_x509_csr(data)
        if not csr.is_signature_valid:
            raise _bad("its signature is not by its own key")
        return CsrView(
            der=csr.public_bytes(Encoding.DER),
            identifiers=identifiers_of(csr.extensions, strictly=True) or _common_name(csr),
            spki=csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            must_staple=_asks_for_stapling(csr),
        )
    except UNREADABLE as error:
        raise _bad("it cannot be read") from error


def _common_name(csr: x509.CertificateSigningRequest) -> tuple[Identifier, ...]:
    """The CN, for requests from before there were alternative names."""
    return parse_identifiers([str(each.value) for each in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)])


def _asks_for_stapling(csr: x509.CertificateSigningRequest) -> bool:
    try:
        features = csr.extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in list(features)


def _bad(message: str) -> EvercertError:
    return EvercertError("bad-input", f"not a certificate signing request that can be used: {message}")
