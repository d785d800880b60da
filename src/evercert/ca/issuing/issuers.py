"""The issuers of this CA: which one signs for a profile, and the chains above each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evercert.base.errors import EvercertError
from evercert.pki.signer import Signer

__all__ = ["Issuer", "Issuers"]


@dataclass(frozen=True, slots=True)
class Issuer:
    """One CA certificate that signs, or did. `chains` are what stands above the leaf (DER, this issuer's first, each
    without its root unless it is to be sent); the first one is the default. `active`: new certificates may come of it.
    `wants_thread`: its signatures take long enough to be made beside the loop (a device, RSA)."""

    name: str
    signer: Signer
    chains: tuple[tuple[bytes, ...], ...]
    active: bool = True
    wants_thread: bool = False


class Issuers:
    """All of them, in the operator's order. Replaced as a whole where they change."""

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        if not any(each.active for each in issuers):
            raise EvercertError(
                "bad-input", "no issuer is active", hint="`evercert ca init` makes one; `evercert ca issuer` lists them"
            )
        self._by_name: Mapping[str, Issuer] = {each.name: each for each in issuers}

    def __iter__(self) -> Iterator[Issuer]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Issuer:
        """Raises `not-found`."""
        if name not in self._by_name:
            raise EvercertError("not-found", f"there is no issuer {name!r}")
        return self._by_name[name]

    def for_profile(self, wanted: str, now: datetime) -> Issuer:
        """The one that the profile names, else the first, that is active and within its life. Raises `not-found`."""
        for each in (self.named(wanted),) if wanted else self._by_name.values():
            if each.active and each.signer.not_before <= now < each.signer.not_after:
                return each
        which = f"the issuer {wanted!r} is retired, or" if wanted else "every active issuer is"
        raise EvercertError("not-found", f"{which} outside of its life", hint="rotate: `evercert ca issuer`")

    def chains(self, name: str) -> tuple[tuple[bytes, ...], ...]:
        return self.named(name).chains

    def key_id(self, name: str) -> bytes:
        """The subject key identifier; empty for an issuer that is not here (any more)."""
        found = self._by_name.get(name)
        return found.signer.key_identifier if found else b""
