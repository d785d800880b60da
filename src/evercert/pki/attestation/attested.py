"""What an attestation proves, and how one is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.unreadable import UNREADABLE

__all__ = ["Attested", "Binding", "reading", "refused"]


@dataclass(frozen=True, slots=True)
class Attested:
    """The device of these identifiers holds the key of this SubjectPublicKeyInfo (DER) where it cannot get out.

    The caller compares both: the identifier with the order's, the key with the request's. `is_bound_to_account` is
    False for a format that signs the token alone: another account that has the token could have shown the same.
    """

    format: str
    identifiers: tuple[Identifier, ...]
    spki: bytes
    is_bound_to_account: bool = True


@dataclass(frozen=True, slots=True)
class Binding:
    """What the device had to sign: *attToBeSigned* of the draft's "Device Attestation Challenge"."""

    key_authorization: bytes

    @property
    def token(self) -> bytes:
        return self.key_authorization.partition(b".")[0]


def refused(message: str) -> EvercertError:
    return EvercertError("bad-attestation", message)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever the library says about bytes from outside becomes a refusal that names *what* was read."""
    try:
        yield
    except UNREADABLE as error:
        raise refused(f"{what} cannot be read") from error
