"""Which key in which token: PKCS #11 URIs (RFC 7512), as far as a CA needs them.

Whoever can change such a URI decides which library is loaded into this process: it is configuration, never input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from evercert.base.errors import EvercertError

__all__ = ["KeyReference", "read_reference"]

_MAX_URI = 4096
_PATH: Final = ("token", "serial", "object", "id", "type")
_QUERY: Final = ("module-path", "pin-source")
_HINT = "pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/path"
# RFC 7512 §2.3: what may stand in a value without being percent-encoded, and the encoding.
_VALUE = re.compile(r"(?:[A-Za-z0-9_.~:\[\]@!$'()*+,=/?|-]|&|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class KeyReference:
    """`token` or `serial` names the token, `object` or `id` the key, or neither; `pin_source` refers to the PIN."""

    module_path: str
    pin_source: str
    token: str = ""
    serial: str = ""
    object: str = ""
    id: bytes = b""

    def of_key(self, label: str, key_id: bytes) -> KeyReference:
        """Another key in the same token."""
        return replace(self, object=label, id=key_id)

    @property
    def key_name(self) -> str:
        """The key in words for an error."""
        return f"{self.object[:100]!r}" if self.object else f"with the id {self.id[:32].hex()}"

    @property
    def token_name(self) -> str:
        """The token in words for an error."""
        return f"{self.token[:64]!r}" if self.token else f"with the serial number {self.serial[:64]!r}"


def read_reference(uri: str) -> KeyReference:
    """The key that *uri* names. Raises `bad-input`, and never repeats what could be a PIN."""
    if not uri.startswith("pkcs11:") or len(uri) > _MAX_URI:
        raise _bad(f"it begins with pkcs11: and has at most {_MAX_URI} characters")
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    found = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
    if found.pop("type", b"private") != b"private":
        raise _bad("only type=private names a key that signs")
    key_id = found.pop("id", b"")
    words = {name.replace("-", "_"): _text(name, value) for name, value in found.items()}
    if missing := [name for name in _QUERY if not found.get(name)]:
        raise _bad(f"{missing[0]} is missing")
    if not words.get("token") and not words.get("serial"):
        raise _bad("it names no token")
    return KeyReference(id=key_id, **words)


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise _bad(
                "a PIN never stands in a URI", "give pin-source=env:NAME, file:/path or cred:NAME, and change it"
            )
        if name not in known:
            raise _bad(f"only {', '.join((*_PATH, *_QUERY))} are understood")
        if name in found or not _VALUE.fullmatch(value):
            raise _bad(f"{name} stands there twice, or is not percent-encoded (RFC 7512)")
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _bad(f"{name} is not UTF-8") from None
    if not text.isprintable():
        raise _bad(f"{name} has a character that cannot be printed")
    return text


def _bad(message: str, hint: str = _HINT) -> EvercertError:
    return EvercertError("bad-input", f"not a PKCS #11 URI that can be used: {message}", hint=hint)
