"""The format `apple`: Managed Device Attestation. Apple's servers issue a certificate for the key, with the device's
serial number and UDID and with the hash of the challenge's token: they know no account key, so none is signed.

The extensions are Apple's (Platform Deployment, "Managed Device Attestation"); their values are bare, not DER.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.attestation.attested import Attested, Binding, reading, refused
from evercert.pki.attestation.chain import checked_chain, spki_of
from evercert.pki.attestation.identifiers import PERMANENT_IDENTIFIER, device_identifier

__all__ = ["FORMAT", "verify_apple"]

FORMAT: Final = "apple"

_SERIAL: Final = ObjectIdentifier("1.2.840.113635.100.8.9.1")
_UDID: Final = ObjectIdentifier("1.2.840.113635.100.8.9.2")
_NONCE: Final = ObjectIdentifier("1.2.840.113635.100.8.11.1")


def verify_apple(
    statement: Mapping[str, Any], binding: Binding, roots: Sequence[x509.Certificate], now: datetime
) -> Attested:
    """The key of the first certificate. One without a nonce, which Apple may serve from its cache, proves nothing
    about this challenge and is refused."""
    certificate = checked_chain(statement, roots, now)
    with reading("the attestation certificate"):
        values = {
            each.oid: each.value.value
            for each in certificate.extensions
            if isinstance(each.value, x509.UnrecognizedExtension)
        }
    if not hmac.compare_digest(values.get(_NONCE, b""), sha256(binding.token).digest()):
        raise refused("the attestation certificate is not for the token of this challenge (nonce)")
    identifiers = tuple(_identifiers(values.get(_SERIAL, b""), values.get(_UDID, b"")))
    if not identifiers:
        raise refused("the attestation certificate has neither a serial number nor a UDID")
    return Attested(FORMAT, identifiers, spki_of(certificate), is_bound_to_account=False)


def _identifiers(*values: bytes) -> Iterator[Identifier]:
    for value in values:
        with contextlib.suppress(EvercertError, UnicodeDecodeError):
            yield device_identifier(PERMANENT_IDENTIFIER, value.decode())
