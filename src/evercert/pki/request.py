"""Certificate signing requests of strangers, as a CA has to see them: everything that is asked for, as it was written.

`pki/csr.py` reads a request for somebody who wants a certificate, and takes a name for what was meant by it. Here
nothing is put right, so that whoever decides sees what a certificate would say.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from evercert.base.errors import EvercertError
from evercert.pki.key_type import KeyType
from evercert.pki.unreadable import UNREADABLE
from evercert.pki.weak import public_key_type

__all__ = ["RequestView", "read_request"]

# A hundred names and an ML-DSA-87 key and signature have 35 kB at most.
_MAX_CSR: Final = 64 * 1024

# Digests in which collisions are made: whoever signs with one proves nothing (RFC 6194, RFC 6151).
_BROKEN: Final = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_MD5,
        SignatureAlgorithmOID.RSA_WITH_SHA1,
        SignatureAlgorithmOID._RSA_WITH_SHA1,
        SignatureAlgorithmOID.ECDSA_WITH_SHA1,
        SignatureAlgorithmOID.DSA_WITH_SHA1,
    }
)

# What X.520 bounds and the library only warns of is refused: from outside nobody shall make it write warnings.
warnings.filterwarnings("error", "Attribute's length", UserWarning, r"evercert\.pki\.request")


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request that is signed by its own key. Names are as they were written; `others` pairs an otherName's type with
    its value (DER), and `strange` says the kinds of names that are none of these. `key_type` is None for a key that is
    not used here, and `spki` is the key in its one encoding."""

    spki: bytes
    key_type: KeyType | None
    common_names: tuple[str, ...]
    dns: tuple[str, ...]
    addresses: tuple[str, ...]
    uris: tuple[str, ...]
    emails: tuple[str, ...]
    others: tuple[tuple[str, bytes], ...]
    strange: tuple[str, ...]
    wants_ca: bool
    must_staple: bool


def read_request(der: bytes) -> RequestView:
    """What the request (DER) asks for. Raises `bad-input` with what is wrong with it."""
    if len(der) > _MAX_CSR:
        raise _bad(f"it has more than {_MAX_CSR} bytes")
    try:
        csr = x509.load_der_x509_csr(der)
        _check_signature(csr)
        return _view(csr)
    except (UserWarning, *UNREADABLE) as error:
        raise _bad("it cannot be read") from error


def _check_signature(csr: x509.CertificateSigningRequest) -> None:
    if csr.signature_algorithm_oid in _BROKEN:
        raise _bad("it is signed with MD5 or SHA-1")
    digest = csr.signature_hash_algorithm
    if digest is not None and digest.name in {"md5", "sha1"}:
        raise _bad("it is signed with MD5 or SHA-1")
    if not csr.is_signature_valid:
        raise _bad("its signature is not by its own key")


def _view(csr: x509.CertificateSigningRequest) -> RequestView:
    key, names = csr.public_key(), _alternative_names(csr)
    return RequestView(
        spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        key_type=public_key_type(key),
        common_names=tuple(str(each.value) for each in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
        dns=tuple(each.value for each in names if type(each) is x509.DNSName),
        addresses=tuple(str(each.value) for each in names if type(each) is x509.IPAddress),
        uris=tuple(each.value for each in names if type(each) is x509.UniformResourceIdentifier),
        emails=tuple(each.value for each in names if type(each) is x509.RFC822Name),
        others=tuple((each.type_id.dotted_string, each.value) for each in names if type(each) is x509.OtherName),
        strange=tuple(type(each).__name__ for each in names if type(each) not in _KNOWN),
        wants_ca=_wants_ca(csr),
        must_staple=_wants_stapling(csr),
    )


_KNOWN: Final = (x509.DNSName, x509.IPAddress, x509.UniformResourceIdentifier, x509.RFC822Name, x509.OtherName)


def _alternative_names(csr: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    return list(_asked(csr, x509.SubjectAlternativeName) or ())


def _wants_ca(csr: x509.CertificateSigningRequest) -> bool:
    """Whether it asks for a certificate that may sign others."""
    constraints = _asked(csr, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _wants_stapling(csr: x509.CertificateSigningRequest) -> bool:
    return x509.TLSFeatureType.status_request in (_asked(csr, x509.TLSFeature) or ())


def _asked(csr: x509.CertificateSigningRequest, kind: Any) -> Any:
    try:
        return csr.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _bad(fault: str) -> EvercertError:
    return EvercertError("bad-input", f"not a certificate signing request that can be used: {fault}")
