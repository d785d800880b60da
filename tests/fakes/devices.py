"""Devices that attest, and their manufacturer: objects as TPMs, Apple's servers and PIV tokens make them; good ones
and, by the keywords of `Device.statement`, bad ones."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from evercert.pki import der
from evercert.pki.attestation.chain import TrustAnchors, read_anchors
from evercert.pki.keys import KeyType, PrivateKey, generate

__all__ = [
    "AIK",
    "NOW",
    "Device",
    "Manufacturer",
    "att_obj",
    "hardware_module",
    "permanent_identifier",
    "public_area",
    "tpm_hardware",
]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AIK = x509.ObjectIdentifier("2.23.133.8.3")

_GENERATED, _CERTIFY = 0xFF544347, 0x8017
_STAYS = 0x00040072  # fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign
_SHA256 = 0x000B
_COSE = {KeyType.EC256: -7, KeyType.EC384: -35, KeyType.RSA2048: -257}
_HASHES = {-7: ("sha256", 0x000B), -35: ("sha384", 0x000C), -257: ("sha256", 0x000B)}


def permanent_identifier(value: str, assigner: str = "") -> x509.OtherName:
    """RFC 4043."""
    body = der.sequence(der.utf8(value), der.oid(assigner) if assigner else b"")
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.3"), body)


def hardware_module(kind: str, serial: bytes) -> x509.OtherName:
    """RFC 4108 §5."""
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), der.sequence(der.oid(kind), der.octets(serial)))


def tpm_hardware(**changed: str) -> x509.DirectoryName:
    """The TPM as the EK Credential Profile §3.2.9 names it; an attribute changed to "" is left out."""
    texts = {"1": "id:49465800", "2": "FAKE TPM", "3": "id:00010002"} | changed
    attributes = [
        x509.NameAttribute(x509.ObjectIdentifier(f"2.23.133.2.{n}"), text) for n, text in texts.items() if text
    ]
    return x509.DirectoryName(x509.Name(attributes))


def att_obj(statement: Mapping[str, Any], kind: str = "tpm") -> bytes:
    """The attestation object, as a library from elsewhere writes CBOR."""
    return cbor2.dumps({"fmt": kind, "attStmt": dict(statement)})


class Manufacturer:
    """A root, an intermediate below it, and certificates for the attestation keys of devices."""

    def __init__(self, name: str = "Fake Devices") -> None:
        self.root_key, self.key = generate(KeyType.EC384), generate(KeyType.EC256)
        self.root_name, self.name = _called(f"{name} Root"), _called(f"{name} Attestation CA")
        authority = [(x509.BasicConstraints(ca=True, path_length=None), True)]
        self.root = _certificate(self.root_name, self.root_name, self.root_key, self.root_key, authority)
        self.intermediate = _certificate(self.name, self.root_name, self.key, self.root_key, authority)

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)

    @cached_property
    def anchors(self) -> TrustAnchors:
        """This manufacturer trusted for every format."""
        return read_anchors(dict.fromkeys(("tpm", "apple", "step"), self.root_pem))

    def certify(
        self,
        key: PrivateKey | bytes,
        extensions: Iterable[tuple[x509.ExtensionType, bool]],
        *,
        subject: x509.Name | None = None,
        ends: datetime = NOW + timedelta(days=365),
    ) -> list[bytes]:
        """The chain (DER) of a certificate for *key*, or for a public key in SubjectPublicKeyInfo."""
        name = x509.Name([]) if subject is None else subject
        leaf = _certificate(name, self.name, key, self.key, extensions, ends)
        return [each.public_bytes(Encoding.DER) for each in (leaf, self.intermediate)]

    def certify_attestation_key(
        self,
        key: PrivateKey | bytes,
        *names: x509.GeneralName,
        hardware: x509.DirectoryName | None = None,
        usage: x509.ExtensionType | None = None,
        **more: Any,
    ) -> list[bytes]:
        """As WebAuthn §8.3.1 wants it."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName([hardware or tpm_hardware(), *names]), True),
            (usage or x509.ExtendedKeyUsage([AIK]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
        ]
        return self.certify(key, extensions, **more)

    def device(self, serial: str = "SN-0001", *, key_type: KeyType = KeyType.EC256, **more: Any) -> Device:
        """A device with a TPM whose attestation key is certified under that permanent identifier."""
        key = generate(key_type)
        return Device(key, self.certify_attestation_key(key, permanent_identifier(serial), **more))

    def apple(self, key: PrivateKey, token: str, serial: str = "C02SERIAL", udid: str = "00008110-0001") -> bytes:
        """The object of a device managed by Apple's means, for that token."""
        values = {"9.1": serial.encode(), "9.2": udid.encode(), "11.1": hashlib.sha256(token.encode()).digest()}
        oids = {x509.ObjectIdentifier(f"1.2.840.113635.100.8.{end}"): value for end, value in values.items() if value}
        chain = self.certify(key, [(x509.UnrecognizedExtension(oid, value), False) for oid, value in oids.items()])
        return att_obj({"x5c": chain}, "apple")

    def step(self, key: PrivateKey, key_authorization: str, serial: int = 123456) -> bytes:
        """The object of a PIV token."""
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.7")
        chain = self.certify(key, [(x509.UnrecognizedExtension(oid, asn1.encode_der(serial)), False)])
        signature = key.sign_bytes(key_authorization.encode())
        return att_obj({"x5c": chain, "sig": cbor2.dumps(signature)}, "step")


class Device:
    """A TPM with an attestation key that somebody certified."""

    def __init__(self, key: PrivateKey, chain: list[bytes]) -> None:
        self.key, self.chain = key, chain

    def attest(self, key: PrivateKey, key_authorization: str, **changed: Any) -> bytes:
        """The attestation object: *key* was made in this TPM. *changed* is what `statement` takes."""
        return att_obj(self.statement(key, key_authorization, **changed))

    def statement(
        self,
        key: PrivateKey,
        key_authorization: str,
        *,
        attributes: int = _STAYS,
        certified: bytes = b"",
        magic: int = _GENERATED,
        kind: int = _CERTIFY,
        bare: bool = False,
        more: bytes = b"",
    ) -> dict[str, Any]:
        """*certified* is another public area to certify; *bare* sends the signature without its structure; *more* is
        left over at the end of what is signed."""
        alg = _COSE[self.key.type]
        area = public_area(key.spki, attributes)
        extra = hashlib.new(_HASHES[alg][0], key_authorization.encode()).digest()
        name = struct.pack(">H", _SHA256) + hashlib.sha256(certified or area).digest()
        info = struct.pack(">IH", magic, kind) + _sized(b"signer") + _sized(extra) + bytes(25)
        info += _sized(name) + _sized(b"qualified") + more
        signature = self.key.sign_bytes(info)
        sig = signature if bare else _structured(self.key.type, signature, _HASHES[alg][1])
        return {"ver": "2.0", "alg": alg, "x5c": self.chain, "sig": sig, "certInfo": info, "pubArea": area}


def public_area(spki: bytes, attributes: int = _STAYS) -> bytes:
    """The TPMT_PUBLIC of that key."""
    public = load_der_public_key(spki)
    null = struct.pack(">H", 0x0010)
    if isinstance(public, rsa.RSAPublicKey):
        size = public.key_size // 8
        head = struct.pack(">HHIH", 0x0001, _SHA256, attributes, 0) + 2 * null + struct.pack(">HI", public.key_size, 0)
        return head + _sized(public.public_numbers().n.to_bytes(size))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    size, numbers = (public.key_size + 7) // 8, public.public_numbers()
    curve = {256: 3, 384: 4, 521: 5}[public.key_size]
    head = struct.pack(">HHIH", 0x0023, _SHA256, attributes, 0) + null
    scheme = struct.pack(">HHH", 0x0018, _SHA256, curve) + null
    return head + scheme + _sized(numbers.x.to_bytes(size)) + _sized(numbers.y.to_bytes(size))


def _structured(key_type: KeyType, signature: bytes, digest: int) -> bytes:
    """TPMT_SIGNATURE."""
    if key_type is KeyType.RSA2048:
        return struct.pack(">HH", 0x0014, digest) + _sized(signature)
    size = 32 if key_type is KeyType.EC256 else 48
    r, s = decode_dss_signature(signature)
    return struct.pack(">HH", 0x0018, digest) + _sized(r.to_bytes(size)) + _sized(s.to_bytes(size))


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _called(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey | bytes,
    by: PrivateKey,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    ends: datetime = NOW + timedelta(days=3650),
) -> x509.Certificate:
    public: Any = load_der_public_key(key) if isinstance(key, bytes) else key.crypto.public_key()
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=365)).not_valid_after(ends)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(by.crypto, by.digest)
