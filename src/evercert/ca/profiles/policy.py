"""Which names may be asked for at all. Pure.

An entry of a list is one of

    www.example.test       that name
    .example.test          every name below it, at any depth, and not the name itself
    *.example.test         every name right below it
    10.0.0.0/8             every address within; a single address too
    spiffe://corp.test/ns/ every URI that begins so, at a slash
    *                      every DNS name and every address, and no URI

Denied wins over allowed, and what no entry allows is denied. An entry is brought to the form in which identifiers are
(lower case, A-labels, no final dot), so both sides of a comparison are always written alike.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier, parse_identifier

__all__ = ["NamePolicy", "checked_uri", "policy_from_json"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# No query, fragment, user, port or escape: SPIFFE-ID §2 forbids them, and each is another way to write one name.
_URI: Final = re.compile(r"[a-z][a-z0-9+-]*://[a-z0-9][a-z0-9.-]*(?:/[A-Za-z0-9._-]+)*")
_URI_PREFIX: Final = re.compile(rf"{_URI.pattern}/?")
# SPIFFE-ID §2.3: implementations support at least that many.
_MAX_URI: Final = 2048

_ANYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class NamePolicy:
    """What is in `allow` and not in `deny`. Raises `bad-input` for an entry that is none of those above."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _read(self.allow)
        _read(self.deny)

    def allows(self, identifier: Identifier) -> bool:
        """Whether a certificate may be for it. A wildcard is denied as soon as one name that it covers is."""
        return _read(self.allow).holds(identifier) and not _read(self.deny).touches(identifier)

    def allows_uri(self, uri: str) -> bool:
        """Whether a certificate may hold the URI, which `checked_uri` has seen."""
        return _read(self.allow).holds_uri(uri) and not _read(self.deny).holds_uri(uri)


def policy_from_json(text: str) -> NamePolicy:
    """The policy that `{"allow": [...], "deny": [...]}` writes. Raises `bad-input`."""
    try:
        return msgspec.json.decode(text, type=NamePolicy)
    except msgspec.MsgspecError as error:
        raise EvercertError("bad-input", "not a name policy") from error


def checked_uri(text: str) -> str:
    """The URI, which is written in the one way that is taken here. Raises `bad-name`."""
    path = text.partition("://")[2].split("/")
    if len(text) > _MAX_URI or not _URI.fullmatch(text) or {".", ".."} & set(path):
        raise EvercertError(
            "bad-name",
            f"{one_line(text, 100)!r} is no URI that a certificate can hold here",
            hint="scheme://host/path, the host in lower case, without query, fragment, port, user or escapes",
        )
    return text


@dataclass(frozen=True, slots=True)
class _Entries:
    """A list as it is looked up in: a name costs one look-up for each of its labels, however long the list is."""

    anything: bool
    names: frozenset[str]
    parents: frozenset[str]
    suffixes: frozenset[str]
    networks: tuple[_Network, ...]
    uris: tuple[str, ...]

    def holds(self, identifier: Identifier) -> bool:
        """Whether all that the identifier stands for is in the list."""
        if self.anything:
            return True
        if identifier.type == "ip":
            return self._holds_address(identifier.value)
        if identifier.type != "dns":
            return False  # what a device is called may look like a name
        if identifier.wildcard:
            return identifier.base in self.parents or self._is_below(f"*.{identifier.base}")
        return (
            identifier.value in self.names
            or self._parent(identifier) in self.parents
            or self._is_below(identifier.value)
        )

    def touches(self, identifier: Identifier) -> bool:
        """Whether anything that the identifier stands for is in the list."""
        if identifier.type != "ip" and identifier.wildcard:
            return self.holds(identifier) or any(name.partition(".")[2] == identifier.base for name in self.names)
        return self.holds(identifier)

    def holds_uri(self, uri: str) -> bool:
        return any(uri == entry.removesuffix("/") or uri.startswith(entry.rstrip("/") + "/") for entry in self.uris)

    def _holds_address(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(address in network for network in self.networks)

    def _is_below(self, name: str) -> bool:
        return any(parent in self.suffixes for parent in _parents(name))

    @staticmethod
    def _parent(identifier: Identifier) -> str:
        return identifier.value.partition(".")[2]


def _parents(name: str) -> Iterator[str]:
    while name := name.partition(".")[2]:
        yield name


@lru_cache(maxsize=256)
def _read(entries: tuple[str, ...]) -> _Entries:
    names, parents, suffixes = set(), set(), set()
    networks, uris = [], []
    for entry in (each.strip() for each in entries):
        if entry == _ANYTHING:
            continue
        if "://" in entry:
            uris.append(_uri_prefix(entry))
        elif network := _network(entry):
            networks.append(network)
        elif entry.startswith("*."):
            parents.add(_name(entry[2:], entry))
        elif entry.startswith("."):
            suffixes.add(_name(entry[1:], entry))
        else:
            names.add(_name(entry, entry))
    return _Entries(
        _ANYTHING in entries, frozenset(names), frozenset(parents), frozenset(suffixes), tuple(networks), tuple(uris)
    )


def _network(entry: str) -> _Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=True)
    except ValueError as error:
        if "/" in entry:
            raise _bad(entry) from error
        return None


def _name(text: str, entry: str) -> str:
    try:
        identifier = parse_identifier(text)
    except EvercertError as error:
        raise _bad(entry) from error
    if identifier.type != "dns" or identifier.wildcard:
        raise _bad(entry)
    return identifier.value


def _uri_prefix(entry: str) -> str:
    if not _URI_PREFIX.fullmatch(entry):
        raise _bad(entry)
    return entry


def _bad(entry: str) -> EvercertError:
    return EvercertError(
        "bad-input",
        f"{one_line(entry, 100)!r} is no entry of a list of names",
        hint="a name, .suffix, *.suffix, a network such as 10.0.0.0/8, the begin of a URI, or *",
    )
