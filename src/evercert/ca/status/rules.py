"""How the status of certificates is told, as the operator has decided it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = ["Responder", "StatusRules"]

# Who signs OCSP answers: the issuer itself, or a key that it has named for that. "auto": the issuer, where it is quick.
Responder = Literal["auto", "issuer", "delegated"]


@dataclass(frozen=True, slots=True)
class StatusRules:
    """`partitions`: into so many parts an issuer's CRL is split beside the whole (0: it is not). A list is made anew
    every `crl_every` and may be believed for `crl_life`. With `delta_every`, what was revoked since is told by deltas
    soon, and by whole lists every `crl_every`; without, by whole lists soon."""

    partitions: int = 0
    crl_life: timedelta = timedelta(days=3)
    crl_every: timedelta = timedelta(hours=12)
    delta_every: timedelta | None = None
    ocsp: bool = True
    ocsp_life: timedelta = timedelta(hours=8)
    responder: Responder = "auto"
    presign: bool = False

    @property
    def delta_life(self) -> timedelta:
        """So long that a node may be away for a while; a delta that is over would make its base useless to some."""
        return min(4 * (self.delta_every or self.crl_every), self.crl_life)
