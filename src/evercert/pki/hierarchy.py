"""CA certificates: roots, intermediates below them, and cross-certificates between two hierarchies."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from evercert.base.errors import EvercertError
from evercert.pki import der
from evercert.pki.cert import parsed, read_certificate
from evercert.pki.issuing import eku_extension, pointer_extensions, policy_extensions, signed
from evercert.pki.keys import PrivateKey
from evercert.pki.signer import Signer
from evercert.pki.signing import algorithm_of
from evercert.pki.tbs import (
    Subject,
    assemble,
    authority_key_identifier,
    extension,
    extension_of,
    key_identifier,
    name_der,
    with_signature,
)
from evercert.pki.unreadable import UNREADABLE

__all__ = ["ANY_POLICY", "Intermediate", "cross_sign", "make_intermediate", "make_root"]

# RFC 5280 §4.2.1.4: whatever a certificate below asserts is asserted here too.
ANY_POLICY: Final = "2.5.29.32.0"

# These say who signed a certificate and where to ask about it, so another issuer's do not fit.
_OF_THE_ISSUER: Final = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.FRESHEST_CRL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intermediate:
    """What a CA certificate below another shall say. A name constraint is `dns:example.test`, `ip:10.0.0.0/8`,
    `uri:.example.test` or `email:example.test`; names of a kind that none names are free (RFC 5280 §4.2.1.10)."""

    serial: int
    spki: bytes
    subject: Subject
    not_before: datetime
    not_after: datetime
    path_length: int | None = 0
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    ekus: tuple[str, ...] = ()
    policies: tuple[str, ...] = (ANY_POLICY,)
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()


def make_root(
    key: PrivateKey,
    subject: Subject,
    *,
    serial: int,
    not_before: datetime,
    not_after: datetime,
    path_length: int | None = None,
) -> bytes:
    """A certificate (DER) of *key*, signed by itself."""
    tbs = assemble(
        serial=serial,
        algorithm=algorithm_of(key),
        issuer=_ca_name(subject),
        not_before=not_before,
        not_after=not_after,
        subject=_ca_name(subject),
        spki=key.spki,
        extensions=[
            *_ca_extensions(path_length),
            _subject_key_identifier(key.spki),
            # RFC 5280 §4.2.1.1 lets a root do without, but some programs look for it.
            authority_key_identifier(key_identifier(key.spki)),
        ],
    )
    return with_signature(tbs, algorithm_of(key), key.sign_bytes(tbs))


def make_intermediate(intermediate: Intermediate, signer: Signer) -> bytes:
    """The CA certificate (DER), issued by *signer*. Raises `bad-input` where it would outlive its issuer."""
    return _issued(
        intermediate.serial,
        _ca_name(intermediate.subject),
        intermediate.spki,
        (intermediate.not_before, intermediate.not_after),
        _extensions(intermediate, signer),
        signer,
    )


def cross_sign(
    certificate: bytes,
    signer: Signer,
    *,
    serial: int,
    not_before: datetime,
    not_after: datetime,
    crl_urls: tuple[str, ...] = (),
    issuer_urls: tuple[str, ...] = (),
) -> bytes:
    """Another certificate (DER) for the same name and key, issued by *signer*: whoever trusts *signer* can use what was
    issued below the first one. What the first may do, the other may, and no more. Raises `bad-certificate` for what
    cannot be read, `bad-input` for what is no CA's."""
    view, original = read_certificate(certificate), parsed(certificate)
    if not view.is_ca:
        raise EvercertError("bad-input", "only a CA's certificate is cross-signed")
    return _issued(
        serial,
        original.subject.public_bytes(),
        view.spki,
        (not_before, not_after),
        [
            *_kept(original),
            signer.authority,
            pointer_extensions(crl_urls, (), issuer_urls),
        ],
        signer,
    )


def _kept(original: x509.Certificate) -> list[bytes]:
    try:
        kept = [each for each in original.extensions if each.oid not in _OF_THE_ISSUER]
        return [extension_of(each.value, critical=each.critical) for each in kept]
    except UNREADABLE as error:
        raise EvercertError("bad-certificate", "an extension of the certificate cannot be read") from error


def _extensions(intermediate: Intermediate, signer: Signer) -> list[bytes]:
    try:
        return [
            *_ca_extensions(intermediate.path_length),
            _subject_key_identifier(intermediate.spki),
            signer.authority,
            *_name_constraints(intermediate.permitted, intermediate.excluded),
            eku_extension(intermediate.ekus),
            pointer_extensions(intermediate.crl_urls, intermediate.ocsp_urls, intermediate.issuer_urls),
            policy_extensions(intermediate.policies),
        ]
    except ValueError as error:
        raise EvercertError("bad-input", f"nothing that a CA certificate can hold: {error}") from error


def _issued(
    serial: int,
    subject: bytes,
    spki: bytes,
    validity: tuple[datetime, datetime],
    extensions: Iterable[bytes],
    signer: Signer,
) -> bytes:
    if validity[1] > signer.not_after or validity[0] < signer.not_before:
        raise EvercertError("bad-input", "a CA certificate lives no longer than its issuer's")
    tbs = assemble(
        serial=serial,
        algorithm=signer.algorithm,
        issuer=signer.subject,
        not_before=validity[0],
        not_after=validity[1],
        subject=subject,
        spki=spki,
        extensions=extensions,
    )
    return signed(tbs, signer)


def _ca_name(subject: Subject) -> bytes:
    if not subject:
        raise EvercertError("bad-input", "a CA has a name", hint='such as (("CN", "Example Root"),)')
    return name_der(subject)


def _ca_extensions(path_length: int | None) -> list[bytes]:
    """Both critical (RFC 5280 §4.2.1.3, §4.2.1.9). A CA that signs OCSP responses itself needs digitalSignature."""
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return [extension_of(constraints, critical=True), extension_of(usage, critical=True)]


def _subject_key_identifier(spki: bytes) -> bytes:
    return extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string, der.octets(key_identifier(spki)))


def _name_constraints(permitted: tuple[str, ...], excluded: tuple[str, ...]) -> list[bytes]:
    """Critical (RFC 5280 §4.2.1.10)."""
    if not permitted and not excluded:
        return []
    inside, outside = ([_constraint(each) for each in written] or None for written in (permitted, excluded))
    return [extension_of(x509.NameConstraints(inside, outside), critical=True)]


def _constraint(written: str) -> x509.GeneralName:
    kind, _, value = written.partition(":")
    try:
        return _CONSTRAINTS[kind](value)
    except (KeyError, ValueError) as error:
        hint = "dns:example.test, ip:10.0.0.0/8, uri:.example.test or email:example.test"
        raise EvercertError("bad-input", "not a name constraint", hint=hint) from error


_CONSTRAINTS: Final[dict[str, Callable[[str], x509.GeneralName]]] = {
    "dns": x509.DNSName,
    "ip": lambda value: x509.IPAddress(ipaddress.ip_network(value)),
    "uri": x509.UniformResourceIdentifier,
    "email": x509.RFC822Name,
}
