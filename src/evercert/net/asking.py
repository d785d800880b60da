"""One HTTP/1.1 request as octets (RFC 9112 §3), and where it goes."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from evercert.base.message import Request

__all__ = ["Place", "basic", "connecting", "octets_of", "place_of"]

_PORTS: Final = {"http": 80, "https": 443}
# RFC 3986 §2: what may stand in a request's target. Anything else is encoded, what is encoded already is left.
_TARGET: Final = re.compile(r"[!#-;=?-\[\]_a-z~]*")
# Nearly all URLs: nobody's name, no fragment, nothing to encode. To take each apart costs more than all else here.
_USUAL: Final = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(/[!$-;=?-\[\]_a-z~]*)")
_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A server: what a connection may be shared for."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """Where *url* leads; raises ValueError for what is no http or https URL."""
    usual = _USUAL.fullmatch(url)
    # Any other one may have a secret in it: it is not remembered.
    return _known_place(usual[1]) if usual else _place(url)


@lru_cache(maxsize=64)
def _known_place(url: str) -> Place:
    return _place(url)


def _place(url: str) -> Place:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not parts.hostname.isprintable() or " " in parts.hostname:
        raise ValueError("no URL of a web server")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    return Place(parts.scheme, host, parts.port or _PORTS[parts.scheme])


def octets_of(request: Request, place: Place, standing: Mapping[str, str], *, absolute: bool = False) -> bytes:
    """The whole request. *standing* headers go with every request that does not have its own of that name;
    *absolute* is for a proxy (§3.2.2)."""
    usual_url = _USUAL.fullmatch(request.url)
    target, authorization = (usual_url[2], "") if usual_url else _target_of(request.url)
    own = {name.lower() for name in request.headers}
    usual = place.authority.removesuffix(f":{_PORTS[place.scheme]}")
    headers = {name: value for name, value in {"Host": usual, **standing}.items() if name.lower() not in own}
    if authorization and "authorization" not in own:
        headers["Authorization"] = authorization
    headers |= request.headers
    if request.body or request.method not in {"GET", "HEAD"}:
        headers["Content-Length"] = str(len(request.body))
    return _head(request.method, f"{place.scheme}://{usual}{target}" if absolute else target, headers) + request.body


def _target_of(url: str) -> tuple[str, str]:
    """The target of a request for any *url*, and what a user's name in it says as a header."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(target):
        target = quote(target, safe=_SAFE)
    return target, "" if parts.username is None else basic(parts.username, parts.password or "")


def connecting(place: Place, standing: Mapping[str, str]) -> bytes:
    """What asks a proxy for a tunnel to that server (RFC 9110 §9.3.6)."""
    return _head("CONNECT", place.authority, {"Host": place.authority, **standing})


def basic(user: str, password: str) -> str:
    """RFC 7617; both as they stand in a URL."""
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join([_line(name, value) for name, value in headers.items()])
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def _line(name: str, value: str) -> str:
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise ValueError("a header that would end before its end")
    return f"{name}: {value}\r\n"
