"""CBOR (RFC 8949), as much of it as an attestation object has: no tag, no indefinite length, no float, nothing deep.

Of our own because a general decoder builds what it reads (a tag can be a regular expression, a rational number, a
reference to what is around it) before anybody could refuse it.
"""

from __future__ import annotations

from typing import Any, Final

from evercert.pki.attestation.attested import refused
from evercert.pki.attestation.octets import Octets

__all__ = ["read_cbor"]

# The statement of a TPM with a chain of four certificates has some 6 kB and 20 items.
_MAX_BYTES = 64 * 1024
_MAX_ITEMS = 256
_MAX_DEPTH = 4

_SIMPLE: Final = {20: False, 21: True, 22: None}
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}


def read_cbor(data: bytes) -> Any:
    """The one value in *data*: numbers, byte and text strings, lists, maps with text for keys, true, false, null."""
    if len(data) > _MAX_BYTES:
        raise refused(f"the attestation object has more than {_MAX_BYTES} bytes")
    reader = _Reader(data)
    value = reader.value(_MAX_DEPTH)
    reader.octets.end()
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.octets = Octets(data, "the attestation object")
        self._left = _MAX_ITEMS

    def value(self, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth < 0:
            raise refused(f"the attestation object has more than {_MAX_ITEMS} parts, or {_MAX_DEPTH} levels")
        first = self.octets.number(1)
        kind, argument = first >> 5, self._argument(first & 0x1F)
        return self._content(kind, argument, depth)

    def _argument(self, short: int) -> int:
        if short < 24:
            return short
        if short not in _LENGTHS:
            raise refused("the attestation object has a length that is indefinite or reserved")
        return self.octets.number(_LENGTHS[short])

    def _content(self, kind: int, argument: int, depth: int) -> Any:
        match kind:
            case 0 | 1:
                return -1 - argument if kind else argument
            case 2:
                return self.octets.take(argument)
            case 3:
                return self._text(argument)
            case 4:
                return [self.value(depth - 1) for _ in range(argument)]
            case 5:
                return self._map(argument, depth - 1)
            case 7 if argument in _SIMPLE:
                return _SIMPLE[argument]
        raise refused("the attestation object has a tag, a float or another kind of value that none has")

    def _text(self, length: int) -> str:
        try:
            return self.octets.take(length).decode()
        except UnicodeDecodeError:
            raise refused("the attestation object has a text that is not UTF-8") from None

    def _map(self, count: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(count):
            key = self.value(depth)
            if not isinstance(key, str) or key in found:
                raise refused("the attestation object has a key that is no text, or twice the same")
            found[key] = self.value(depth)
        return found
