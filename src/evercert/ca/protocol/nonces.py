"""Nonces (RFC 8555 §6.5) that need no memory to be known: each proves itself, on any node that has the key.

A nonce is `epoch (4) | second (4) | count (6) | keyed BLAKE2b (16)`, in base64url. What has to be remembered is
which ones were used, and only after the signature over them was found right: whoever cannot sign burns nothing.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import blake2b
from itertools import count
from random import Random
from typing import Final, Protocol

from evercert.acme.jose import b64url, unb64url
from evercert.base.clock import Clock
from evercert.base.secret import Secret
from evercert.ca.store import shared
from evercert.db.protocol import Database

__all__ = ["Burned", "BurnedHere", "BurnedTogether", "Nonces"]

LIFE: Final = timedelta(hours=1)
_BODY, _MAC = 14, 16
_LENGTH: Final = (_BODY + _MAC) * 4 // 3

# So many nonces behind the newest may still come back; two bytes of memory in sixteen of them.
_WINDOW: Final = 1 << 20


class Burned(Protocol):
    """Which nonces were used; shared by all nodes that take each other's."""

    async def burn(self, nonce: str, epoch: int, number: int) -> bool:
        """Afterwards it is used; False if it was before, or if that cannot be known."""
        ...


class BurnedHere:
    """The memory of one node: a bit for each of its newest nonces. Those of other epochs (a restart, another node) are
    not known to be unused."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._bits = bytearray(_WINDOW // 8)
        self._newest = 0

    async def burn(self, nonce: str, epoch: int, number: int) -> bool:
        if epoch != self._epoch or number <= self._newest - _WINDOW:
            return False
        self._move_to(number)
        place, bit = divmod(number % _WINDOW, 8)
        if self._bits[place] >> bit & 1:
            return False
        self._bits[place] |= 1 << bit
        return True

    def _move_to(self, number: int) -> None:
        """Forget those that fall out of the window as it moves up to *number*."""
        for passed in range(max(self._newest + 1, number - _WINDOW + 1), number + 1):
            place, bit = divmod(passed % _WINDOW, 8)
            self._bits[place] &= ~(1 << bit)
        self._newest = max(self._newest, number)


class BurnedTogether:
    """The memory of all nodes that share a store."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def burn(self, nonce: str, epoch: int, number: int) -> bool:
        # Longer than it is good: whoever prunes may have a clock that is ahead of ours.
        return await shared.burn(self._db, nonce, self._clock.now() + 2 * LIFE)


class Nonces:
    """Makes nonces and takes each once. Owned by one node; *key* is that of all."""

    def __init__(self, key: Secret, clock: Clock, rng: Random, burned: Burned | None = None) -> None:
        self._key = key.reveal()
        self._clock = clock
        self._epoch = rng.getrandbits(32)
        self._count = count(1)
        self._burned = burned or BurnedHere(self._epoch)

    def new(self) -> str:
        body = (
            self._epoch.to_bytes(4)
            + int(self._clock.now().timestamp()).to_bytes(4)
            + (next(self._count) & 0xFFFFFFFFFFFF).to_bytes(6)
        )
        return b64url(body + self._mac(body))

    def is_ours(self, nonce: str) -> bool:
        """Whether a node with our key made it within its life; nothing is remembered."""
        if len(nonce) != _LENGTH:
            return False
        try:
            octets = unb64url(nonce)
        except ValueError:
            return False
        body = octets[:_BODY]
        age = self._clock.now().timestamp() - int.from_bytes(body[4:8])
        return hmac.compare_digest(octets[_BODY:], self._mac(body)) and -60 < age < LIFE.total_seconds()

    async def burn(self, nonce: str) -> bool:
        """Afterwards a nonce that `is_ours` is used; False if it was before."""
        octets = unb64url(nonce)
        return await self._burned.burn(nonce, int.from_bytes(octets[:4]), int.from_bytes(octets[8:_BODY]))

    def _mac(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_MAC).digest()
