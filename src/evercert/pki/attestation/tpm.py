"""The format `tpm`: a TPM 2.0 certifies that a key was made in it and cannot leave it (WebAuthn Level 2 §8.3)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from evercert.base.errors import EvercertError
from evercert.pki.attestation.attested import Attested, Binding, reading, refused
from evercert.pki.attestation.chain import checked_chain
from evercert.pki.attestation.identifiers import identifiers_in
from evercert.pki.attestation.signature import algorithm_of, check_signature
from evercert.pki.attestation.tpm_structures import read_certify_info, read_public, read_signature

__all__ = ["FORMAT", "verify_tpm"]

FORMAT: Final = "tpm"

_AIK_CERTIFICATE: Final = ObjectIdentifier("2.23.133.8.3")  # tcg-kp-AIKCertificate
# TCG EK Credential Profile §3.2.9: tpmManufacturer, tpmModel, tpmVersion in a directoryName.
_HARDWARE: Final = {ObjectIdentifier(f"2.23.133.2.{number}") for number in (1, 2, 3)}

# Part 2 §8.3 TPMA_OBJECT: what makes a key one that was generated in this TPM, never leaves it, and signs.
_ATTRIBUTES: Final = {"fixedTPM": 1 << 1, "fixedParent": 1 << 4, "sensitiveDataOrigin": 1 << 5, "sign": 1 << 18}


def verify_tpm(
    statement: Mapping[str, Any], binding: Binding, roots: Sequence[x509.Certificate], now: datetime
) -> Attested:
    """The key in `pubArea`, certified over the key authorization by the key of a trusted attestation certificate."""
    if statement.get("ver") != "2.0":
        raise refused("the attestation statement is not of TPM version 2.0 (ver)")
    algorithm = algorithm_of(statement.get("alg"))
    certify_info, public_area, signature = (_bytes(statement, name) for name in ("certInfo", "pubArea", "sig"))
    certificate = checked_chain(statement, roots, now)
    identifiers = _identified(certificate)
    with reading("the key of the attestation certificate"):
        attester = certificate.public_key()
    check_signature(attester, read_signature(signature, algorithm.digest.name), certify_info, algorithm)
    info, public = read_certify_info(certify_info), read_public(public_area)
    if not hmac.compare_digest(info.extra_data, algorithm.hash(binding.key_authorization)):
        raise refused("the TPM did not sign the key authorization of this challenge and account")
    if not hmac.compare_digest(info.name, public.name):
        raise refused("the TPM certified another key than the one in pubArea")
    if missing := [name for name, bit in _ATTRIBUTES.items() if not public.attributes & bit]:
        raise refused(f"the attested key is not one that stays in its TPM and signs: it lacks {', '.join(missing)}")
    return Attested(FORMAT, identifiers, public.spki)


def _bytes(statement: Mapping[str, Any], name: str) -> bytes:
    value = statement.get(name)
    if not isinstance(value, bytes) or not value:
        raise refused(f"the attestation statement has no {name}")
    return value


def _identified(certificate: x509.Certificate) -> tuple[Any, ...]:
    """The identifiers in the attestation certificate, once it meets WebAuthn §8.3.1."""
    with reading("the attestation certificate"):
        values = {each.oid: each.value for each in certificate.extensions}
        names = values.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        usages = values.get(ExtensionOID.EXTENDED_KEY_USAGE)
        constraints = values.get(ExtensionOID.BASIC_CONSTRAINTS)
        if certificate.version is not x509.Version.v3 or list(certificate.subject):
            raise refused("the attestation certificate is not of version 3 with an empty subject")
        if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
            raise refused("the attestation certificate is a CA's")
        if not isinstance(usages, x509.ExtendedKeyUsage) or _AIK_CERTIFICATE not in usages:
            raise refused("the attestation certificate is not for attestation keys (extended key usage 2.23.133.8.3)")
        if not isinstance(names, x509.SubjectAlternativeName) or not _names_hardware(names):
            raise refused("the attestation certificate does not name the TPM's manufacturer, model and version")
        return _read_identifiers(names)


def _names_hardware(names: Iterable[x509.GeneralName]) -> bool:
    directories = [each.value for each in names if isinstance(each, x509.DirectoryName)]
    return {attribute.oid for name in directories for attribute in name if attribute.value} >= _HARDWARE


def _read_identifiers(names: Iterable[x509.GeneralName]) -> tuple[Any, ...]:
    try:
        found = identifiers_in(names)
    except EvercertError as error:
        raise refused(f"the attestation certificate names a device that no order could: {error.message}") from error
    if not found:
        raise refused("the attestation certificate has no permanent-identifier or hardware-module")
    return found
