"""Structures of TPM 2.0 (Library Part 2), read strictly: what is left over or unknown is refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evercert.base.errors import EvercertError
from evercert.pki.attestation.attested import reading, refused
from evercert.pki.attestation.octets import Octets

__all__ = ["CertifyInfo", "TpmPublic", "read_certify_info", "read_public", "read_signature"]

_GENERATED: Final = 0xFF544347  # §6.2 TPM_GENERATED: "\xffTCG"
_ATTEST_CERTIFY: Final = 0x8017  # §6.9 TPM_ST_ATTEST_CERTIFY

# §6.3 TPM_ALG_ID, §6.4 TPM_ECC_CURVE.
_NULL: Final = 0x0010
_RSA, _ECC = 0x0001, 0x0023
_RSAES, _RSASSA, _RSAPSS, _ECDSA, _ECDAA = 0x0015, 0x0014, 0x0016, 0x0018, 0x001A
_HASHES: Final = {0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
_CURVES: Final[dict[int, ec.EllipticCurve]] = {3: ec.SECP256R1(), 4: ec.SECP384R1(), 5: ec.SECP521R1()}


@dataclass(frozen=True, slots=True)
class CertifyInfo:
    """A TPMS_ATTEST of type certify: what the asker gave to be signed along, and the name of the object."""

    extra_data: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class TpmPublic:
    """A TPMT_PUBLIC: its name (Part 1 §16), its attributes (§8.3) and the key in it as SubjectPublicKeyInfo."""

    name: bytes
    attributes: int
    spki: bytes


def read_certify_info(data: bytes) -> CertifyInfo:
    """TPMS_ATTEST (§10.12.8) with TPMS_CERTIFY_INFO (§10.12.1)."""
    octets = Octets(data, "certInfo")
    if octets.number(4) != _GENERATED:
        raise refused("certInfo was not made by a TPM")
    if octets.number(2) != _ATTEST_CERTIFY:
        raise refused("certInfo does not certify a key")
    octets.sized()  # qualifiedSigner: the certificate says who signed
    extra_data = octets.sized()
    octets.take(17 + 8)  # clockInfo, firmwareVersion
    name = octets.sized()
    octets.sized()  # qualifiedName
    octets.end()
    return CertifyInfo(extra_data, name)


def read_public(data: bytes) -> TpmPublic:
    """TPMT_PUBLIC (§12.2.4) of an RSA or ECC key."""
    octets = Octets(data, "pubArea")
    kind, name_hash, attributes = octets.number(2), octets.number(2), octets.number(4)
    if name_hash not in _HASHES:
        raise refused("pubArea has a name by another hash than SHA-256, SHA-384 or SHA-512")
    octets.sized()  # authPolicy
    _symmetric(octets)
    with reading("the key in pubArea"):
        public = _rsa(octets) if kind == _RSA else _ecc(octets) if kind == _ECC else None
    if public is None:
        raise refused("pubArea has no RSA or ECC key")
    octets.end()
    name = name_hash.to_bytes(2, "big") + hashlib.new(_HASHES[name_hash], data).digest()
    return TpmPublic(name, attributes, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def read_signature(data: bytes, digest: str) -> bytes:
    """The signature in a TPMT_SIGNATURE (§11.3.4) with that hash, or *data* itself: WebAuthn §8.3 wants the structure,
    and platforms that build one from parts send the bare signature."""
    try:
        return _structured(data, digest)
    except EvercertError:
        return data


def _structured(data: bytes, digest: str) -> bytes:
    octets = Octets(data, "sig")
    scheme, hashed = octets.number(2), octets.number(2)
    if _HASHES.get(hashed) != digest or scheme not in {_RSASSA, _RSAPSS, _ECDSA}:
        raise refused("sig is by another algorithm than alg says")
    if scheme == _ECDSA:
        r, s = (int.from_bytes(octets.sized(), "big") for _ in range(2))
        signature = encode_dss_signature(r, s)
    else:
        signature = octets.sized()
    octets.end()
    return signature


def _symmetric(octets: Octets) -> None:
    """TPMT_SYM_DEF_OBJECT (§11.1.7): a storage key has one; it is passed over."""
    if octets.number(2) != _NULL:
        octets.take(4)


def _scheme(octets: Octets, without: int) -> None:
    """TPMT_RSA_SCHEME, TPMT_ECC_SCHEME or TPMT_KDF_SCHEME (§11.2); *without* is the one that names no hash."""
    scheme = octets.number(2)
    if scheme not in {_NULL, without}:
        octets.take(4 if scheme == _ECDAA else 2)


def _rsa(octets: Octets) -> Any:
    _scheme(octets, _RSAES)
    octets.take(2)  # keyBits: the modulus has them
    exponent = octets.number(4) or 65537  # §12.2.3.5: zero stands for the default
    return rsa.RSAPublicNumbers(exponent, int.from_bytes(octets.sized(), "big")).public_key()


def _ecc(octets: Octets) -> Any:
    _scheme(octets, _NULL)
    curve = _CURVES.get(octets.number(2))
    _scheme(octets, _NULL)
    x, y = (int.from_bytes(octets.sized(), "big") for _ in range(2))
    if curve is None:
        raise refused("pubArea has a key on another curve than P-256, P-384 or P-521")
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
