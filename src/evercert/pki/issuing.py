"""Leaf certificates: what shall stand in one, its bytes before the signature, and the signature.

The order is `to_be_signed`, `lint.findings`, `signed`: what was looked at is what is signed, to the byte. `sign` is
both ends in one, for certificates that nobody has to look at.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki import der
from evercert.pki.cert import parsed
from evercert.pki.signer import Signer
from evercert.pki.tbs import Subject, assemble, extension, extension_of, key_identifier, name_der, with_signature

__all__ = [
    "EKUS",
    "HardwareModule",
    "Leaf",
    "PermanentIdentifier",
    "certs_only",
    "eku_extension",
    "new_serial",
    "pointer_extensions",
    "policy_extensions",
    "sign",
    "signed",
    "to_be_signed",
]

EKUS: Final = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timeStamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocspSigning": ExtendedKeyUsageOID.OCSP_SIGNING,
}

# RFC 4043 §2 and RFC 4108 §5, as draft-ietf-acme-device-attest puts them into a certificate.
_PERMANENT_IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.3")
_HARDWARE_MODULE: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4")

_ALTERNATIVE_NAME: Final = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
_KEY_IDENTIFIER: Final = ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string


@dataclass(frozen=True, slots=True)
class PermanentIdentifier:
    """RFC 4043: what a device is called by whoever made it, and who says so (a dotted OID, or "")."""

    value: str
    assigner: str = ""


@dataclass(frozen=True, slots=True)
class HardwareModule:
    """RFC 4108 §5: a module's type (a dotted OID) and its serial number."""

    type: str
    serial: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Everything that an end-entity certificate shall say but who signs it. Moments are aware, UTC, and count to the
    second; `not_after` is still within the certificate's life (RFC 5280 §4.1.2.5). `subject` pairs an attribute ("CN",
    "O", ... or a dotted OID) with its value; `ekus` are of `EKUS`, or dotted. Only RSA keys can do `key_encipherment`,
    and only TLS 1.2 without ephemeral keys asks for it; `ocsp_no_check` is for a responder's own certificate, about
    which nobody asks a responder (RFC 6960 §4.2.2.2.1)."""

    serial: int
    spki: bytes
    not_before: datetime
    not_after: datetime
    identifiers: tuple[Identifier, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    permanent_identifiers: tuple[PermanentIdentifier, ...] = ()
    hardware_modules: tuple[HardwareModule, ...] = ()
    subject: Subject = ()
    ekus: tuple[str, ...] = ("serverAuth",)
    key_encipherment: bool = False
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    must_staple: bool = False
    ocsp_no_check: bool = False


def new_serial(rng: random.Random) -> int:
    """A serial number with 128 bits of *rng*, which has to be unpredictable (`random.SystemRandom`): 17 octets, always
    positive (RFC 5280 §4.1.2.2: no more than 20)."""
    return 1 << 128 | rng.getrandbits(128)


def to_be_signed(leaf: Leaf, signer: Signer) -> bytes:
    """The TBSCertificate (DER), which `signed` makes a certificate of. Raises `bad-input` for what has no encoding."""
    try:
        return assemble(
            serial=leaf.serial,
            algorithm=signer.algorithm,
            issuer=signer.subject,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            subject=name_der(leaf.subject),
            spki=leaf.spki,
            extensions=_extensions(leaf, signer),
        )
    except ValueError as error:
        raise EvercertError("bad-input", f"nothing that a certificate can hold: {error}") from error


def signed(tbs: bytes, signer: Signer) -> bytes:
    """The certificate (DER): *tbs*, unchanged, and the issuer's signature."""
    return with_signature(tbs, signer.algorithm, signer.key.sign_bytes(tbs))


def sign(leaf: Leaf, signer: Signer) -> bytes:
    """The certificate (DER) that *leaf* describes, issued by *signer*."""
    return signed(to_be_signed(leaf, signer), signer)


def certs_only(chain: Iterable[bytes]) -> bytes:
    """The chain as PKCS #7 (RFC 8551 §3.8, application/pkcs7-mime; DER): certificates and nothing signed."""
    return pkcs7.serialize_certificates([parsed(each) for each in chain], Encoding.DER)


def _extensions(leaf: Leaf, signer: Signer) -> list[bytes]:
    return [
        _usage(leaf.key_encipherment),
        eku_extension(leaf.ekus),
        extension(_KEY_IDENTIFIER, der.octets(key_identifier(leaf.spki))),
        signer.authority,
        *_alternative_names(leaf),
        pointer_extensions(leaf.crl_urls, leaf.ocsp_urls, leaf.issuer_urls),
        policy_extensions(leaf.policies),
        _MUST_STAPLE if leaf.must_staple else b"",
        _OCSP_NO_CHECK if leaf.ocsp_no_check else b"",
    ]


def _alternative_names(leaf: Leaf) -> list[bytes]:
    """Critical where there is no subject beside it (RFC 5280 §4.2.1.6)."""
    names = der.sequence(
        *[_identifier(each) for each in leaf.identifiers],
        *[der.primitive(0x86, uri.encode("ascii")) for uri in leaf.uris],
        *[der.primitive(0x81, email.encode("ascii")) for email in leaf.emails],
        *[_permanent_identifier(each) for each in leaf.permanent_identifiers],
        *[_hardware_module(each) for each in leaf.hardware_modules],
    )
    return [extension(_ALTERNATIVE_NAME, names, critical=not leaf.subject)] if len(names) > 2 else []


def _identifier(identifier: Identifier) -> bytes:
    if identifier.type == "ip":
        return der.primitive(0x87, ipaddress.ip_address(identifier.value).packed)
    return der.primitive(0x82, identifier.value.encode("ascii"))


def _permanent_identifier(name: PermanentIdentifier) -> bytes:
    assigner = der.oid(name.assigner) if name.assigner else b""
    return _other_name(_PERMANENT_IDENTIFIER, der.sequence(der.utf8(name.value), assigner))


def _hardware_module(name: HardwareModule) -> bytes:
    return _other_name(_HARDWARE_MODULE, der.sequence(der.oid(name.type), der.octets(name.serial)))


def _other_name(kind: x509.ObjectIdentifier, value: bytes) -> bytes:
    return der.constructed(0xA0, der.oid(kind.dotted_string), der.constructed(0xA0, value))


# What follows is the same for all certificates of a profile and an issuer, so it is worked out once for each.


@lru_cache(maxsize=64)
def _usage(key_encipherment: bool) -> bytes:
    usages = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=key_encipherment,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return extension_of(usages, critical=True) + extension_of(constraints, critical=True)


@lru_cache(maxsize=256)
def eku_extension(ekus: tuple[str, ...]) -> bytes:
    """The extension (DER), or nothing for none. Raises `bad-input` for what is no usage."""
    return extension_of(x509.ExtendedKeyUsage([_eku(each) for each in ekus])) if ekus else b""


def _eku(name: str) -> x509.ObjectIdentifier:
    try:
        return EKUS.get(name) or x509.ObjectIdentifier(name)
    except ValueError as error:
        hint = f"one of {', '.join(EKUS)}, or a dotted object identifier"
        raise EvercertError("bad-input", "not an extended key usage", hint=hint) from error


# A partitioned CRL has some thousand URLs at most.
@lru_cache(maxsize=4096)
def pointer_extensions(crl_urls: tuple[str, ...], ocsp_urls: tuple[str, ...], issuer_urls: tuple[str, ...]) -> bytes:
    """Where the CRL, the responder and the issuer's certificate are (RFC 5280 §4.2.1.13, §4.2.2.1)."""
    found = b""
    if crl_urls:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(each) for each in crl_urls], None, None, None)
        found += extension_of(x509.CRLDistributionPoints([point]))
    access = [(AuthorityInformationAccessOID.OCSP, each) for each in ocsp_urls]
    access += [(AuthorityInformationAccessOID.CA_ISSUERS, each) for each in issuer_urls]
    if access:
        places = [x509.AccessDescription(kind, x509.UniformResourceIdentifier(url)) for kind, url in access]
        found += extension_of(x509.AuthorityInformationAccess(places))
    return found


@lru_cache(maxsize=256)
def policy_extensions(policies: tuple[str, ...]) -> bytes:
    """RFC 5280 §4.2.1.4, without qualifiers."""
    if not policies:
        return b""
    asserted = [x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in policies]
    return extension_of(x509.CertificatePolicies(asserted))


# RFC 7633, RFC 6960 §4.2.2.2.1.
_MUST_STAPLE: Final = extension_of(x509.TLSFeature([x509.TLSFeatureType.status_request]))
_OCSP_NO_CHECK: Final = extension_of(x509.OCSPNoCheck())
