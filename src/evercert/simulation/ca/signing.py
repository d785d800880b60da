"""The keys and certificates of the simulated CA: a root, an intermediate under it, alternate roots, leaves."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evercert.base.names import Identifier

__all__ = ["Hierarchy", "requested_identifiers", "requested_spki"]

_YEARS = timedelta(days=3650)


@dataclass(frozen=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Hierarchy:
    """Signs requests. Chain 0 is leaf and intermediate under the first root; each alternate is another
    intermediate's certificate for the same key, under another root."""

    def __init__(self, now: datetime, alternates: int = 0) -> None:
        self._born = now - timedelta(days=1)
        key = ec.generate_private_key(ec.SECP256R1())
        roots = [self._root(f"Simulated Root {number}") for number in range(alternates + 1)]
        self._intermediates = [self._issue_ca("Simulated Intermediate", key, root) for root in roots]
        self._roots = roots
        self._signer = self._intermediates[0]

    @cached_property
    def root_pem(self) -> str:
        return _pem(self._roots[0].certificate)

    def sign(
        self,
        csr_der: bytes,
        identifiers: Sequence[Identifier],
        not_before: datetime,
        not_after: datetime,
        serial: int = 0,
    ) -> tuple[bytes, list[str]]:
        """The leaf (DER) and its chains (PEM, leaf first) for the request's key and these identifiers."""
        csr = x509.load_der_x509_csr(csr_der)
        issuer = self._signer
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.certificate.subject)
            .public_key(csr.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in identifiers]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_authority_key(issuer), critical=False)
            .sign(issuer.key, hashes.SHA256())
        )
        chains = [_pem(leaf) + _pem(each.certificate) for each in self._intermediates]
        return leaf.public_bytes(Encoding.DER), chains

    def _root(self, name: str) -> _Issuer:
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issue_ca(name, key, None)

    def _issue_ca(self, name: str, key: ec.EllipticCurvePrivateKey, issuer: _Issuer | None) -> _Issuer:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._born)
            .not_valid_after(self._born + _YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return _Issuer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def requested_identifiers(csr_der: bytes) -> set[Identifier]:
    """The identifiers in a request's subject alternative name; raises ValueError for a bad request."""
    csr = x509.load_der_x509_csr(csr_der)
    if not csr.is_signature_valid:
        raise ValueError("the request's signature is wrong")
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {Identifier("dns", each) for each in names.get_values_for_type(x509.DNSName)}
    return found | {Identifier("ip", str(each)) for each in names.get_values_for_type(x509.IPAddress)}


def requested_spki(csr_der: bytes) -> bytes:
    key = x509.load_der_x509_csr(csr_der).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _authority_key(issuer: _Issuer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _general_name(identifier: Identifier) -> x509.GeneralName:
    if identifier.type == "ip":
        return x509.IPAddress(ipaddress.ip_address(identifier.value))
    return x509.DNSName(identifier.value)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
