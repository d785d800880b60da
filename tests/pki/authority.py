"""Certificates to order, as a CA (good or bad) would sign them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.pki.keys import KeyType, PrivateKey, generate

__all__ = ["NOW", "Authority", "name_of"]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def name_of(text: str, oid: x509.ObjectIdentifier = x509.NameOID.COMMON_NAME) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text)] if text else [])


class Authority:
    """One key, one name; `issue` signs whatever it is asked for, and `under` makes another one below it."""

    def __init__(
        self, name: str = "Test CA", key_type: KeyType = KeyType.EC256, above: Authority | None = None
    ) -> None:
        self.name = name_of(name)
        self.key = generate(key_type)
        issuer = above or self
        self.der = issuer.issue(self.key, name=self.name, extensions=[x509.BasicConstraints(ca=True, path_length=None)])

    def under(self, name: str) -> Authority:
        return Authority(name, above=self)

    def issue(
        self,
        key: PrivateKey,
        *names: str,
        name: x509.Name | None = None,
        not_before: datetime = NOW - timedelta(hours=1),
        lives: timedelta = timedelta(days=6),
        serial: int = 0,
        extensions: list[x509.ExtensionType] | None = None,
    ) -> bytes:
        builder: Any = (
            x509.CertificateBuilder()
            .subject_name(name or name_of(""))
            .issuer_name(self.name)
            .public_key(key.crypto.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_before + lives)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
        for extension in extensions or ():
            builder = builder.add_extension(extension, isinstance(extension, x509.BasicConstraints))
        return bytes(builder.sign(self.key.crypto, self.key.digest).public_bytes(Encoding.DER))
