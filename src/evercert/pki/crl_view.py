"""A certificate revocation list (RFC 5280 §5), read: its number, and what it says of whom. No signature is verified."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from evercert.base.errors import EvercertError

__all__ = ["CrlView", "read_crl"]


@dataclass(frozen=True, slots=True)
class CrlView:
    """`serials` are in lower-case hex, as `CertificateView.serial`."""

    number: int
    serials: frozenset[str]


def read_crl(der: bytes) -> CrlView:
    """Raises `bad-certificate` for what is no list with a number."""
    try:
        listed = x509.load_der_x509_crl(der)
        number = listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return CrlView(number, frozenset(f"{each.serial_number:x}" for each in listed))
    except (ValueError, x509.ExtensionNotFound) as error:
        raise EvercertError("bad-certificate", "that is no certificate revocation list with a number") from error
