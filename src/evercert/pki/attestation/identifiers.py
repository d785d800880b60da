"""The names of devices and modules: as an order writes them and as a certificate holds them.

draft-ietf-acme-device-attest, "Permanent Identifier" and "Hardware Module"; RFC 4043, RFC 4108 §5. The two forms are
matched octet for octet, so nothing is ever normalized.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.issuing import HardwareModule, PermanentIdentifier

__all__ = [
    "DEVICE_TYPES",
    "HARDWARE_MODULE",
    "PERMANENT_IDENTIFIER",
    "device_identifier",
    "identifier_named",
    "identifiers_in",
    "name_of",
]

PERMANENT_IDENTIFIER: Final = "permanent-identifier"
HARDWARE_MODULE: Final = "hardware-module"
DEVICE_TYPES: Final = frozenset({PERMANENT_IDENTIFIER, HARDWARE_MODULE})

_MAX_VALUE = 512
# The draft's assigner-value and hw-type-value. An arc has at most the 39 digits of 128 bits; the second one a digit
# less, because the library adds 80 to it and ends the thread where that overflows.
_OID: Final = re.compile(r"(?:[01]\.(?:[0-9]|[123][0-9])|2\.(?:0|[1-9][0-9]{0,37}))(?:\.(?:0|[1-9][0-9]{0,38})){0,30}")

_FORMS: Final = {"1.3.6.1.5.5.7.8.3": PERMANENT_IDENTIFIER, "1.3.6.1.5.5.7.8.4": HARDWARE_MODULE}


@asn1.sequence
class _PermanentIdentifier:
    value: str | None
    assigner: x509.ObjectIdentifier | None


@asn1.sequence
class _HardwareModuleName:
    kind: x509.ObjectIdentifier
    serial: bytes


def name_of(identifier: Identifier) -> PermanentIdentifier | HardwareModule:
    """What stands in a certificate for a device's identifier."""
    name, _, oid = identifier.value.partition("/")
    permanent = identifier.type == PERMANENT_IDENTIFIER
    return PermanentIdentifier(name, oid) if permanent else HardwareModule(oid, name.encode())


def device_identifier(kind: str, value: str) -> Identifier:
    """The identifier of that type and value. Raises `bad-name` for a value that the draft's grammar does not have
    (a CA answers `malformed`), that cannot be shown, or that has more than 512 characters."""
    name, slash, oid = value.partition("/")
    if kind not in DEVICE_TYPES:
        raise _bad(f"only {PERMANENT_IDENTIFIER} and {HARDWARE_MODULE} name a device")
    if not name or len(value) > _MAX_VALUE or not value.isprintable():
        raise _bad(f"a {kind} has 1 to {_MAX_VALUE} characters that can be printed")
    if slash and not _is_oid(oid):
        raise _bad(f"what follows the / of a {kind} is a dotted object identifier")
    if not slash and kind == HARDWARE_MODULE:
        raise _bad("a hardware-module is a serial number, a / and the type of the module, a dotted object identifier")
    return Identifier(PERMANENT_IDENTIFIER if kind == PERMANENT_IDENTIFIER else HARDWARE_MODULE, value)


def _is_oid(text: str) -> bool:
    """The draft's grammar, and what can be encoded: the library takes OIDs of 63 octets, arcs of 128 bits."""
    try:
        return bool(_OID.fullmatch(text) and x509.ObjectIdentifier(text))
    except ValueError:
        return False


def identifiers_in(names: Iterable[x509.GeneralName]) -> tuple[Identifier, ...]:
    """The identifiers among a certificate's alternative names. Raises what `identifier_named` raises."""
    others = [name for name in names if isinstance(name, x509.OtherName)]
    forms = [(each.type_id.dotted_string, each.value) for each in others]
    return tuple(identifier_named(form, body) for form, body in forms if form in _FORMS)


def identifier_named(form: str, body: bytes) -> Identifier:
    """The identifier that an order would write for the otherName of that form (a dotted OID) and value (DER).

    Raises ValueError for what is no DER of its form, and `bad-name` for what no order could write.
    """
    kind = _FORMS[form]
    if kind == PERMANENT_IDENTIFIER:
        permanent = asn1.decode_der(_PermanentIdentifier, body)
        assigner = f"/{permanent.assigner.dotted_string}" if permanent.assigner else ""
        return _exactly(kind, permanent.value or "", assigner)
    module = asn1.decode_der(_HardwareModuleName, body)
    return _exactly(kind, module.serial.decode(), f"/{module.kind.dotted_string}")


def _exactly(kind: str, name: str, oid: str) -> Identifier:
    """A / in the name itself would let one device's name be read as another's with an assigner."""
    if "/" in name:
        raise _bad(f"a {kind} has no / in its name")
    return device_identifier(kind, name + oid)


def _bad(message: str) -> EvercertError:
    return EvercertError("bad-name", message)
