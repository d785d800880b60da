"""What the fields of a certificate must be (RFC 5280 §4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from evercert.pki.lint.names import names_in
from evercert.pki.lint.seen import Moment, Seen

__all__ = ["algorithm", "issuer", "key", "serial", "size", "subject", "validity"]

# A hundred names of full length beside a post-quantum key are 30 kB.
_MAX_SIZE: Final = 64 * 1024

_CURVES: Final = {"secp256r1", "secp384r1", "secp521r1"}
_OTHER_KEYS: Final = (
    ed25519.Ed25519PublicKey,
    mldsa.MLDSA44PublicKey,
    mldsa.MLDSA65PublicKey,
    mldsa.MLDSA87PublicKey,
)


def size(seen: Seen) -> Iterator[str]:
    if len(seen.octets) > _MAX_SIZE:
        yield f"it has more than {_MAX_SIZE} octets"


def serial(seen: Seen) -> Iterator[str]:
    """§4.1.2.2 sets the most; the least is the Baseline Requirements' (7.1): 64 bits of chance."""
    if not 64 < seen.serial.bit_length() < 160 or seen.serial < 0:
        yield "the serial number is not positive, of 65 to 159 bits"


def algorithm(seen: Seen) -> Iterator[str]:
    """§4.1.1.2: the same inside and outside. None that we know has SHA-1 in it (see `signing`)."""
    if seen.algorithm != seen.signer.algorithm:
        yield "the signature algorithm inside is not the issuer's"


def issuer(seen: Seen) -> Iterator[str]:
    """§4.1.2.4, §6.1.3: to the octet."""
    if seen.issuer != seen.signer.subject:
        yield "the issuer's name is not the subject of the issuer's certificate"
    if not seen.signer.is_ca:
        yield "the issuer is no CA"
    if len(seen.signer.subject) <= 2:
        yield "the issuer has no name"


def validity(seen: Seen) -> Iterator[str]:
    before, after = seen.not_before.as_datetime(), seen.not_after.as_datetime()
    if not all(map(_is_well_written, (seen.not_before, seen.not_after))):
        yield "a moment before 2050 is not UTCTime, or one after it not GeneralizedTime"  # §4.1.2.5
    if before >= after:
        yield "it ends before it begins"
    if before < seen.signer.not_before or after > seen.signer.not_after:
        yield "it lives outside its issuer's life"


def subject(seen: Seen) -> Iterator[str]:
    """A common name that a server is called by has to stand among the names too (Baseline Requirements 7.1.4.3)."""
    values = [(each.oid, str(each.value)) for each in seen.subject]
    common = [value for oid, value in values if oid == x509.NameOID.COMMON_NAME]
    if any(not value.isprintable() or not value or value != value.strip() for _, value in values):
        yield "a value in the subject is empty, begins or ends with a space, or cannot be printed"
    if len(common) > 1:
        yield "the subject has more than one common name"
    usages = seen.extension(x509.ExtendedKeyUsage) or ()
    for name in common:
        if ExtendedKeyUsageOID.SERVER_AUTH in usages and name not in names_in(seen):
            yield "the common name is not among the alternative names"


def key(seen: Seen) -> Iterator[str]:
    found = seen.key
    if isinstance(found, rsa.RSAPublicKey):
        yield from _rsa(found)
    elif isinstance(found, ec.EllipticCurvePublicKey):
        if found.curve.name not in _CURVES:
            yield "the key is on a curve that is not used here"
    elif not isinstance(found, _OTHER_KEYS):
        yield "the key is of a kind that is not used here"
        return
    if found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != seen.spki:
        yield "the key is not written as it should be"


def _rsa(found: rsa.RSAPublicKey) -> Iterator[str]:
    """Baseline Requirements 6.1.6: an odd exponent of at least 65537, and no more than 256 bits."""
    exponent = found.public_numbers().e
    if exponent < 65537 or not exponent % 2 or exponent.bit_length() > 256:
        yield "the RSA key has a weak exponent"
    if not 2048 <= found.key_size <= 4096 or found.key_size % 8:
        yield "the RSA key does not have 2048 to 4096 bits, eight at a time"


def _is_well_written(moment: Moment) -> bool:
    return (moment.as_datetime().year < 2050) == isinstance(moment, asn1.UTCTime)
