"""Which of several CAs a certificate asks first, where they have weights."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import inf, log

from evercert.model.terms import CaChoice

__all__ = ["drawn"]


def drawn(name: str, choices: Sequence[CaChoice], weights: Sequence[int]) -> tuple[CaChoice, ...]:
    """The CAs in an order of the certificate's own: each is first in proportion to its weight, and those of weight zero
    come last. As they stand where there are no weights.

    Stable: it hangs on nothing but the name, the CAs and their weights; and where a weight is changed, as few as can be
    get another one (weighted rendezvous hashing).
    """
    if not weights:
        return tuple(choices)
    weighted = dict(zip(choices, weights, strict=False))
    return tuple(sorted(choices, key=lambda choice: _place(name, choice, weighted.get(choice, 0))))


def _place(name: str, choice: CaChoice, weight: int) -> float:
    if not weight:
        return inf
    digest = sha256(f"{name}\n{choice.directory}\n{choice.account}".encode()).digest()
    # Between 0 and 1, neither of them.
    fraction = (int.from_bytes(digest[:8]) + 1) / (2**64 + 2)
    return -log(fraction) / weight
