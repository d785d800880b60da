"""Certificate requests to order: right ones, and whatever else a stranger might send."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.pki import der
from evercert.pki.keys import KeyType, PrivateKey, generate

__all__ = ["KEY", "Wrapped", "dns", "email", "ip", "other", "request", "signed_with", "uri"]

KEY = generate(KeyType.EC256)

_ALTERNATIVE_NAME = x509.ObjectIdentifier("2.5.29.17")


def dns(text: str | bytes) -> bytes:
    return der.primitive(0x82, text if isinstance(text, bytes) else text.encode())


def email(text: str) -> bytes:
    return der.primitive(0x81, text.encode())


def uri(text: str) -> bytes:
    return der.primitive(0x86, text.encode())


def ip(octets: bytes) -> bytes:
    return der.primitive(0x87, octets)


def other(kind: str, value: bytes) -> bytes:
    return der.constructed(0xA0, der.oid(kind), der.constructed(0xA0, value))


def request(
    *names: bytes,
    common_names: tuple[str, ...] = (),
    extensions: tuple[x509.ExtensionType, ...] = (),
    key: PrivateKey = KEY,
) -> bytes:
    """A request (DER) whose subjectAltName is of the encoded *names*, whatever they are."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each) for each in common_names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        encoded = x509.UnrecognizedExtension(_ALTERNATIVE_NAME, der.sequence(*names))
        builder = builder.add_extension(encoded, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key.crypto, key.digest).public_bytes(Encoding.DER)


def signed_with(algorithm: str, *names: bytes) -> bytes:
    """A request whose signature is right, under the algorithm of that OID and with the digest that goes with it."""
    key = rsa.generate_private_key(65537, 2048) if algorithm.startswith("1.2.840.113549") else KEY.crypto
    info = x509.load_der_x509_csr(request(*names, key=Wrapped(key))).tbs_certrequest_bytes  # type: ignore[arg-type]
    digest = hashes.MD5() if algorithm == "1.2.840.113549.1.1.4" else hashes.SHA1()
    if isinstance(key, rsa.RSAPrivateKey):
        signature, parameters = key.sign(info, padding.PKCS1v15(), digest), b"\x05\x00"
    else:
        signature, parameters = key.sign(info, ec.ECDSA(digest)), b""
    return der.sequence(info, der.sequence(der.oid(algorithm), parameters), der.primitive(0x03, b"\0" + signature))


class Wrapped:
    """What `request` needs of a key."""

    def __init__(self, crypto: object) -> None:
        self.crypto = crypto
        self.digest = hashes.SHA256()
