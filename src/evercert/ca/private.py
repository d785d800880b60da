"""Listeners that are for operators: on loopback, unless somebody has said otherwise in so many words."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from evercert.base.errors import EvercertError

__all__ = ["MetricsSettings", "check_private", "place_from"]


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[metrics]`: where `/metrics` is had over plain http; nowhere at first."""

    listen: tuple[str, ...] = ()
    public: bool = False


def place_from(written: str) -> tuple[str, int]:
    """Address and port. Raises `bad-input`."""
    address, _, port = written.rpartition(":")
    if not port.isdecimal() or int(port) > 65535 or not address:
        raise EvercertError("bad-input", f"{written[:60]!r} is not ADDRESS:PORT", hint="such as 127.0.0.1:8443")
    return address.strip("[]"), int(port)


def check_private(table: str, listen: Sequence[str], allowed: bool, hint: str = "say public = true if it is") -> None:
    """Raises `bad-input` for an address that others can reach, unless that is *allowed*."""
    for address, _ in map(place_from, listen):
        if not allowed and not _is_loopback(address):
            words = f"{table}.listen: {address[:60]} is not for this machine alone"
            raise EvercertError("bad-input", words, hint=hint)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
