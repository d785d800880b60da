"""Issued certificates from a small CA in memory: bundles as the engine would hand them to a deploy."""

from __future__ import annotations

import ipaddress
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from evercert.base.names import Identifier, parse_identifiers
from evercert.base.secret import Secret
from evercert.plugins.contracts import Bundle

__all__ = ["Issuer"]

_PEM = serialization.Encoding.PEM
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Issuer:
    """Issues bundles with rising numbers; each is good from an hour before now."""

    name: str = "test issuer"
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def bundle(
        self,
        *names: str,
        called: str = "",
        number: int = 0,
        later: timedelta = timedelta(),
        lives: timedelta = timedelta(days=6),
        key: _Key | None = None,
    ) -> Bundle:
        key = key or ec.generate_private_key(ec.SECP256R1())
        identifiers = parse_identifiers(names)
        leaf = self._sign(key.public_key(), "", identifiers, later, lives)
        ca = self._sign(self.key.public_key(), self.name, (), timedelta(), timedelta(days=3650))
        return Bundle(
            name=called or names[0],
            identifiers=identifiers,
            issued_id=number or next(self.numbers),
            leaf_der=leaf.public_bytes(serialization.Encoding.DER),
            leaf_pem=leaf.public_bytes(_PEM).decode(),
            chain_pem=ca.public_bytes(_PEM).decode(),
            private_key=Secret(
                key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            ),
        )

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        subject: str,
        identifiers: tuple[Identifier, ...],
        later: timedelta,
        lives: timedelta,
    ) -> x509.Certificate:
        begin = self.now - timedelta(hours=1) + later
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + lives)
            .add_extension(x509.BasicConstraints(ca=not identifiers, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if identifiers:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_general, identifiers))), not subject)
        return builder.sign(self.key, hashes.SHA256())


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _general(identifier: Identifier) -> x509.GeneralName:
    if identifier.type == "ip":
        return x509.IPAddress(ipaddress.ip_address(identifier.value))
    return x509.DNSName(identifier.value)
