"""The header by which a forwarded connection names its client (HAProxy's PROXY protocol, version 2, §2.2)."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

__all__ = ["proxy_header"]

_SIGNATURE: Final = bytes.fromhex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a")
_VERSION_2_PROXY: Final = 0x21
_TCP_OVER_IPV4: Final = 0x11
_TCP_OVER_IPV6: Final = 0x21


def proxy_header(source: tuple[Any, ...], destination: tuple[Any, ...]) -> bytes:
    """The header for a connection from *source* to *destination*, as sockets name them."""
    addresses = [ipaddress.ip_address(str(each[0]).partition("%")[0]) for each in (source, destination)]
    family = _TCP_OVER_IPV4 if addresses[0].version == 4 else _TCP_OVER_IPV6
    block = b"".join(each.packed for each in addresses) + b"".join(
        int(each[1]).to_bytes(2) for each in (source, destination)
    )
    return _SIGNATURE + bytes((_VERSION_2_PROXY, family)) + len(block).to_bytes(2) + block
