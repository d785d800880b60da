"""What the extensions of a certificate must be (RFC 5280 §4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from evercert.base.foreign import one_line
from evercert.pki.lint.seen import Seen
from evercert.pki.tbs import key_identifier

__all__ = ["constraints", "extended_usage", "identifiers", "kinds", "pointers", "usage"]

# The extensions that a leaf of ours may have, and whether they are critical; the names have a rule of their own.
_CRITICAL: Final[dict[x509.ObjectIdentifier, bool | None]] = {
    ExtensionOID.KEY_USAGE: True,
    ExtensionOID.BASIC_CONSTRAINTS: True,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: None,
    ExtensionOID.EXTENDED_KEY_USAGE: False,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
    ExtensionOID.CRL_DISTRIBUTION_POINTS: False,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: False,
    ExtensionOID.CERTIFICATE_POLICIES: False,
    ExtensionOID.TLS_FEATURE: False,
    ExtensionOID.OCSP_NO_CHECK: False,
}

_NEVER: Final = ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")


def kinds(seen: Seen) -> Iterator[str]:
    """None that we do not know, and critical as they should be. That each stands there once has been seen before."""
    for each in seen.raw:
        if each.oid not in _CRITICAL:
            yield f"there is an extension {each.oid.dotted_string}, which no certificate of ours has"
        elif _CRITICAL[each.oid] not in {None, each.critical}:
            yield f"the extension {each.oid.dotted_string} is critical and should not be, or the other way round"


def constraints(seen: Seen) -> Iterator[str]:
    found = seen.extension(x509.BasicConstraints)
    if found is None or found.ca or found.path_length is not None:
        yield "it does not say that it is no CA"


def usage(seen: Seen) -> Iterator[str]:
    """To sign, as every handshake does, and to encipher keys where the key can (§4.2.1.3)."""
    found = seen.extension(x509.KeyUsage)
    if found is None or not found.digital_signature:
        yield "its key may not sign"
        return
    if any(getattr(found, each) for each in _NEVER):
        yield "its key may do what no leaf's may"
    if found.key_encipherment and not isinstance(seen.key, rsa.RSAPublicKey):
        yield "its key cannot encipher keys, and the certificate says that it does"


def extended_usage(seen: Seen) -> Iterator[str]:
    usages = list(seen.extension(x509.ExtendedKeyUsage) or ())
    if not usages:
        yield "it does not say what it is for"
    if len(set(usages)) != len(usages):
        yield "an extended key usage stands there twice"
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages:
        yield "it is for anything"
    if ExtendedKeyUsageOID.OCSP_SIGNING in usages and len(usages) > 1:
        yield "it signs OCSP responses and is for something else too"
    if seen.extension(x509.OCSPNoCheck) and ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
        yield "it signs no OCSP responses and asks not to be checked"
    if seen.above.ekus is not None and not seen.above.ekus.issuperset(usages):
        yield "it is for something that its issuer may not sign for"


def identifiers(seen: Seen) -> Iterator[str]:
    """§4.2.1.1, §4.2.1.2: by these a verifier finds the issuer."""
    authority, own = seen.extension(x509.AuthorityKeyIdentifier), seen.extension(x509.SubjectKeyIdentifier)
    if authority is None or authority.key_identifier != seen.signer.key_identifier:
        yield "the authority key identifier is not the issuer's key identifier"
    if own is not None and own.digest != key_identifier(seen.spki):
        yield "the subject key identifier is not that of the key"


def pointers(seen: Seen) -> Iterator[str]:
    """Where CRLs, responders and issuers are: web addresses, because that is what verifiers fetch."""
    points = seen.extension(x509.CRLDistributionPoints) or ()
    access = seen.extension(x509.AuthorityInformationAccess) or ()
    places = [name for point in points for name in point.full_name or ()]
    places += [each.access_location for each in access]
    for place in places:
        if not str(place.value).startswith(("http://", "https://")):
            yield f"{one_line(str(place.value))[:100]!r} is no web address"
