"""Keys in tokens by their URIs; the only module of this room that the others import.

python-pkcs11 is imported when the first key is opened: without the extra `pkcs11` everything else works.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.hsm.reference import KeyReference, read_reference
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey

if TYPE_CHECKING:
    from evercert.pki.hsm.token import KeyInToken, Token

__all__ = ["Tokens", "is_in_token"]


def is_in_token(reference: str) -> bool:
    """Whether that names a key in a token."""
    return reference.startswith("pkcs11:")


class Tokens:
    """The tokens that this process uses, each logged in to once. Safe from any thread, and never on an event loop:
    tokens take their time, up to *patience* seconds for each answer.

    *read_pin* gives the secret that a reference (env:, file:, cred:) points to; it is asked at every log-in.
    """

    def __init__(self, read_pin: Callable[[str], Secret], patience: float = 10.0) -> None:
        self._read_pin = read_pin
        self._patience = patience
        self._tokens: dict[KeyReference, Token] = {}
        self._making = Lock()

    def load(self, uri: str) -> PrivateKey:
        """The key that *uri* names (RFC 7512). Raises `bad-input`, `not-found`, `bad-key`, `token`, `timeout`."""
        which = _named(uri)
        return self._token(which).load(which)

    def create(self, uri: str, key_type: KeyType) -> PrivateKey:
        """A new key of that name, made in the token, which it never leaves. Raises `exists`, and what `load` raises."""
        which = _named(uri)
        return self._token(which).create(which, key_type)

    def keys(self, uri: str) -> list[KeyInToken]:
        """The private keys in the token that *uri* names."""
        return self._token(read_reference(uri)).keys()

    def close(self) -> None:
        """Afterwards no token that answers is logged in to on our behalf; one that hangs is left alone. Idempotent."""
        for token in self._tokens.values():
            with contextlib.suppress(EvercertError):
                token.close()

    def _token(self, which: KeyReference) -> Token:
        try:
            from evercert.pki.hsm.token import Token
        except ModuleNotFoundError:
            raise EvercertError(
                "bad-input", "python-pkcs11 is not installed", hint="pip install 'evercert[pkcs11]'"
            ) from None
        whole = which.of_key("", b"")
        with self._making:
            if whole not in self._tokens:
                self._tokens[whole] = Token(whole, self._read_pin, self._patience)
            return self._tokens[whole]


def _named(uri: str) -> KeyReference:
    which = read_reference(uri)
    if not which.object and not which.id:
        raise EvercertError("bad-input", "the PKCS #11 URI names no key", hint="add object=LABEL or id=%01")
    return which
