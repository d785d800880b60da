"""What the library raises over octets from outside that are not what they say: some of it is no ValueError.

Whoever reads a certificate, a request or what is in one catches these and says so in words of its own.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

__all__ = ["UNREADABLE"]

UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    KeyError,  # a TLS feature (RFC 7633) that it has no name for
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,  # x400Address and ediPartyName
    CryptographyDeprecationWarning,  # see `cert`, which makes it an error
)
