"""How to go to a peer: trust, proxy, address family, patience. The same for both transports."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from evercert import __version__
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line

__all__ = ["HttpSettings", "host_of", "proxy_of", "trust"]

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`roots` is a file of further trust anchors (PEM); `proxy` an http:// URL, perhaps with credentials;
    `timeout` the seconds that one whole exchange may take; `family` 4 or 6 forces IPv4 or IPv6; `identity` a file with
    a client certificate's chain and its key (PEM), for servers that ask who we are."""

    roots: Path | None = None
    use_system_roots: bool = True
    proxy: str = ""
    timeout: float = 30.0
    connections: int = 32
    family: int = 0
    user_agent: str = f"evercert/{__version__}"
    identity: Path | None = None


def trust(settings: HttpSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer, verified against the system's anchors and those of `roots`. An end without a goodbye is an
    error (RFC 9112 §9.8)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if settings.use_system_roots:
        context.load_default_certs()
    if settings.roots is not None:
        try:
            context.load_verify_locations(settings.roots)
        except (OSError, ssl.SSLError) as error:
            raise EvercertError(
                "bad-input", f"{settings.roots} holds no trust anchors that can be read (PEM)"
            ) from error
    if settings.identity is not None:
        try:
            # Without a word for it: a key that wants a password is refused, not asked for at a terminal.
            context.load_cert_chain(settings.identity, password="")
        except (OSError, ssl.SSLError) as error:
            what = f"{settings.identity} holds no client certificate with its key that can be read (PEM)"
            raise EvercertError("bad-input", what) from error
    return context


def host_of(url: str) -> str:
    """The host and port of a URL, for a message; never its credentials, path or query. Fit to be shown: a
    CA names most of the URLs that we go to."""
    try:
        parts = urlsplit(url)
        host, port = one_line(parts.hostname or "", _SHOWN), parts.port
    except ValueError:
        return "the server"
    return f"{host}:{port}" if port else host or "the server"


def proxy_of(settings: HttpSettings, url: str) -> str | None:
    """The proxy for *url*; never one for this machine itself. Raises `bad-input` for one that we cannot use."""
    if not settings.proxy:
        return None
    host = urlsplit(url).hostname or ""
    if host in {"localhost", "::1"} or host.startswith("127."):
        return None
    if not settings.proxy.lower().startswith("http://"):
        raise EvercertError("bad-input", "the proxy is not an http:// URL", hint="write http://host:port")
    return settings.proxy
