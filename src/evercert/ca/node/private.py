"""Listeners that are for operators: on loopback, unless somebody has said otherwise in so many words."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from evercert.base.errors import EvercertError
from evercert.ca.store.tokens import Role

__all__ = ["AdminClient", "AdminSettings", "MetricsSettings", "check_admin", "check_private", "place_from"]


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[metrics]`: where `/metrics` is had over plain http; nowhere at first."""

    listen: tuple[str, ...] = ()
    public: bool = False


class AdminClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever shows a certificate of this CA for which everything is so that is said here. `name` is one of its names,
    `profile` the one that it was issued under, `fingerprint` its SHA-256.

    Whoever can get a certificate for that name under that profile is let in: a profile of its own, with a policy of
    names or a required external account, is the way."""

    name: str = ""
    profile: str = ""
    fingerprint: str = ""
    role: Role = "read"


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[admin]`: where the admin API is had; nowhere at first."""

    listen: tuple[str, ...] = ()
    public: bool = False
    tokens: bool = True
    clients: tuple[AdminClient, ...] = ()


def check_admin(admin: AdminSettings, *, has_tls: bool) -> None:
    """Raises `bad-input` for what would let in others than those who are meant."""
    if any(not (each.name or each.profile or each.fingerprint) for each in admin.clients):
        raise EvercertError("bad-input", "admin.clients: one of them says nothing of its certificate")
    if admin.clients and not has_tls:
        raise EvercertError("bad-input", "admin.clients: nobody shows a certificate where url is not https")
    asks_certificates = bool(admin.clients) and not admin.tokens
    hint = "let in certificates alone (admin.clients, tokens = false), or say public = true"
    check_private("admin", admin.listen, (asks_certificates or admin.public) and has_tls, hint)
    if admin.listen and not admin.tokens and not admin.clients:
        raise EvercertError("bad-input", "admin: nobody would be let in", hint="name clients, or take tokens")


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
