"""Where a redirect of an http-01 validation leads, and whether we go there (RFC 8555 §8.3, RFC 3986 §5).

The Location is the peer's, every octet of it. What it says becomes a Host header, a request target and a question to
DNS, so nothing passes that is not exactly of the form it should have; and no message repeats it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from evercert.base.probe import Door
from evercert.ca.validation.claim import Reach

__all__ = ["Site", "led_to"]

_MAX_LOCATION: Final = 2000
# RFC 3986 §2.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URI_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


@dataclass(frozen=True, slots=True)
class Site:
    """A URL that may be fetched. `target` is its path and query."""

    host: Identifier
    port: int
    target: str
    tls: bool = False

    def door(self, address: str) -> Door:
        """How it is asked for at *address*."""
        name = f"[{self.host.value}]" if ":" in self.host.value else self.host.value
        is_usual = self.port == (443 if self.tls else 80)
        host = name if is_usual else f"{name}:{self.port}"
        # RFC 6066 §3: an address is no SNI.
        server_name = self.host.value if self.tls and self.host.type == "dns" else ""
        return Door(address, self.port, host, self.target, self.tls, server_name)

    @property
    def url(self) -> str:
        door = self.door("")
        return f"{'https' if self.tls else 'http'}://{door.host}{self.target}"


def led_to(location: str, base: Site, reach: Reach) -> Site:
    """The site that *location*, absolute or relative to *base*, names. Raises `Problem` (`connection`)."""
    if not location:
        raise _refused("without saying where to")
    if len(location) > _MAX_LOCATION or not _URI_CHARACTERS.fullmatch(location):
        raise _refused(f"to something that is no URL of at most {_MAX_LOCATION} characters")
    try:
        # What names a scheme names a host: `http:///x` and `http:x` mean one thing here and another there.
        is_absolute = _SCHEME.match(location) is not None
        parts = urlsplit(location if is_absolute else urljoin(base.url, location))
        port = parts.port
    except ValueError:
        raise _refused("to something that is no URL") from None
    return Site(_host(parts), _port(parts, port, reach), _target(parts), parts.scheme == "https")


def _host(parts: SplitResult) -> Identifier:
    if parts.scheme not in {"http", "https"}:
        raise _refused("to a scheme other than http and https")
    if "@" in parts.netloc:
        raise _refused("to a URL with a user's name in it")
    try:
        host = parse_identifier(parts.hostname or "")
    except EvercertError:
        host = None
    in_brackets = parts.netloc.startswith("[")
    if host is None or host.wildcard or in_brackets != (":" in host.value):
        raise _refused("to a host that is neither a DNS name nor an address")
    return host


def _port(parts: SplitResult, port: int | None, reach: Reach) -> int:
    if port is None:
        return reach.tls_port if parts.scheme == "https" else reach.http_port
    if port not in {reach.http_port, reach.tls_port}:
        raise _refused(f"to a port other than {reach.http_port} and {reach.tls_port}")
    return port


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _refused(how: str) -> Problem:
    return Problem(
        ProblemType.CONNECTION,
        f"the server redirects {how}, where no validation goes; answer the challenge's path without that redirect",
    )
