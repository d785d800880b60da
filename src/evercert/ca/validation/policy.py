"""To which addresses a CA connects because a client asked it to (design law 7; SSRF).

Nothing is denied for what it might be, but for what it is: each block below is in the registries named beside it,
or answers a cloud's machines with their credentials.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line

__all__ = ["NetworkPolicy"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Block = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA: Final = "a cloud's metadata service"
_PRIVATE: Final = "a private address (RFC 1918)"
_DOCUMENTS: Final = "an address for documents"

# The IANA IPv4 and IPv6 Special-Purpose Address Registries (state: 2026-08), RFC 5771 and RFC 4291 for multicast,
# and what the clouds document.
_SPECIAL: Final = (
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", _PRIVATE),
    ("100.64.0.0/10", "a carrier's shared address (RFC 6598)"),
    ("100.100.100.200/32", _METADATA),
    ("127.0.0.0/8", "a loopback address"),
    ("168.63.129.16/32", _METADATA),
    ("169.254.0.0/16", "a link-local address"),
    ("169.254.169.254/32", _METADATA),
    ("169.254.170.2/32", _METADATA),
    ("172.16.0.0/12", _PRIVATE),
    ("192.0.0.0/24", "an address for protocols (RFC 6890)"),
    ("192.0.0.192/32", _METADATA),
    ("192.0.2.0/24", _DOCUMENTS),
    ("192.31.196.0/24", "an AS112 address"),
    ("192.52.193.0/24", "an AMT relay"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", _PRIVATE),
    ("192.175.48.0/24", "an AS112 address"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("198.51.100.0/24", _DOCUMENTS),
    ("203.0.113.0/24", _DOCUMENTS),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("255.255.255.255/32", "the broadcast address"),
    # RFC 4291 §2.4, RFC 3513: no unicast of the internet is outside 2000::/3.
    ("::/3", "no address of the internet"),
    ("4000::/2", "no address of the internet"),
    ("8000::/1", "no address of the internet"),
    ("::/96", "an IPv4-compatible address"),
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("::ffff:0:0/96", "an IPv4-mapped address"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a NAT64 address"),
    ("100::/64", "a discard-only address"),
    ("100:0:0:1::/64", "a dummy address"),
    ("2001::/23", "an address for protocols (RFC 2928)"),
    ("2001::/32", "a Teredo address"),
    ("2001:db8::/32", _DOCUMENTS),
    ("2002::/16", "a 6to4 address"),
    ("2620:4f:8000::/48", "an AS112 address"),
    ("3fff::/20", _DOCUMENTS),
    ("5f00::/16", "a segment routing SID"),
    ("fc00::/7", "a unique local address (RFC 4193)"),
    ("fd00:ec2::/32", _METADATA),
    ("fd20:ce::254/128", _METADATA),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
    ("ff00::/8", "a multicast address"),
)


def _parsed(text: str) -> _Block:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise EvercertError(
            "bad-input",
            f"{one_line(text, 60)!r} is no block of addresses",
            hint="write an address, or a block such as 10.0.0.0/8 or fd00::/8",
        ) from error


@dataclass(frozen=True, slots=True)
class _Range:
    """A block as numbers, because `ipaddress` takes ten times as long to say whether an address is in it."""

    version: int
    first: int
    mask: int
    what: str = ""

    @classmethod
    def of(cls, block: _Block, what: str = "") -> Self:
        return cls(block.version, int(block.network_address), int(block.netmask), what)

    def holds(self, number: int) -> bool:
        return number & self.mask == self.first

    def is_within(self, other: _Range) -> bool:
        return self.mask >= other.mask and self.first & other.mask == other.first


# Narrow ones first, so that they are named.
_RANGES: Final = {
    version: [
        _Range.of(block, what) for text, what in reversed(_SPECIAL) if (block := _parsed(text)).version == version
    ]
    for version in (4, 6)
}


class NetworkPolicy:
    """What is global unicast is permitted, what is special is not, unless it is named. Immutable.

    *allow* opens a special block with a block that lies wholly within it: `10.0.0.0/8` or a part of it opens RFC 1918,
    but `0.0.0.0/0` names no block and opens none, and a metadata service has to be named by itself. *deny* wins.
    IPv4 within IPv6 (mapped, compatible, NAT64, 6to4, Teredo) must be permitted as IPv4, too. Raises `bad-input` for
    what is no block in CIDR form, or has bits outside of its mask.
    """

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self._allowed = [_Range.of(_parsed(text)) for text in allow]
        self._denied = [_Range.of(_parsed(text)) for text in deny]

    def objection(self, address: str) -> str:
        """Why *address* is not connected to, as what it is ("a loopback address"); "" where it is permitted."""
        try:
            # A zone (fe80::1%eth0) is a word to our kernel that no peer may say.
            parsed = None if "%" in address else ipaddress.ip_address(address)
        except ValueError:
            parsed = None
        return "no address" if parsed is None else self._objection(parsed)

    def _objection(self, address: _Address) -> str:
        number, version = int(address), address.version
        if any(each.version == version and each.holds(number) for each in self._denied):
            return "an address that the CA's settings deny"
        opened = [each for each in self._allowed if each.version == version and each.holds(number)]
        for special in _RANGES[version]:
            if special.holds(number) and not any(each.is_within(special) for each in opened):
                return special.what
        return next((found for inner in _embedded(address) if (found := self._objection(inner))), "")


def _embedded(address: _Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a packet for this one may end up at."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    head = number >> 32
    if head in {0, 0xFFFF, 0x64FF9B << 64} or number >> 80 == 0x0064FF9B0001:
        return [low] if number > 1 else []
    if number >> 112 == 0x2002:  # RFC 3056 §2
        return [ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)]
    if number >> 96 == 0x20010000:  # RFC 4380 §4: the relay, and the client with its bits turned
        return [ipaddress.IPv4Address(number >> 64 & 0xFFFFFFFF), ipaddress.IPv4Address(int(low) ^ 0xFFFFFFFF)]
    return []
