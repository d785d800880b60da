"""The registered domain of a name, by which CAs count certificates (the Public Suffix List)."""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import TYPE_CHECKING

from evercert.base.names import Identifier

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["registered_domain"]


def registered_domain(name: Identifier) -> str:
    """What Let's Encrypt counts under: one label below the public suffix, an IPv4 address, or an
    IPv6 /64. A name that is itself a public suffix (github.io) counts as itself."""
    if name.type == "ip":
        address = ipaddress.ip_address(name.value)
        return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
    return _list().privatesuffix(name.base) or name.base


@cache
def _list() -> PublicSuffixList:
    """Loaded once and only when asked for: it is a file of ten thousand lines."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
