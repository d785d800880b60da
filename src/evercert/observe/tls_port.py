"""The TLS port of every address of a name: for tls-alpn-01 (RFC 8737), and whether all addresses are one server."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning

__all__ = ["Handshake", "Probe", "TlsView", "judge_tls_port", "look_at_tls_port"]

_CHECK = "port-443"
_MAX_ADDRESSES = 8


class Handshake(Protocol):
    """One address's answer; `net.tls.Served` keeps this contract. `leaf_der` is empty where there was none."""

    @property
    def address(self) -> str: ...
    @property
    def leaf_der(self) -> bytes: ...
    @property
    def error(self) -> EvercertError | None: ...


class Probe(Protocol):
    """Handshakes with each of *addresses* side by side, judging no certificate; never raises for a peer's fault."""

    def __call__(
        self, host: str, port: int, server_name: str, *, addresses: Sequence[str]
    ) -> Awaitable[Sequence[Handshake]]: ...


@dataclass(frozen=True, slots=True)
class TlsView:
    """What one address answered: the SHA-256 of its certificate, or the code of the failure."""

    address: str
    fingerprint: str = ""
    failure: str = ""

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


async def look_at_tls_port(name: Identifier, addresses: Sequence[str], probe: Probe, port: int = 443) -> list[TlsView]:
    if not addresses:
        return []
    served = await probe(name.base, port, name.server_name, addresses=addresses[:_MAX_ADDRESSES])
    return [_view(handshake) for handshake in served]


def _view(handshake: Handshake) -> TlsView:
    if handshake.error or not handshake.leaf_der:
        return TlsView(handshake.address, failure=handshake.error.code.name if handshake.error else "tls")
    return TlsView(handshake.address, sha256(handshake.leaf_der).hexdigest())


def judge_tls_port(name: Identifier, views: Sequence[TlsView], solver: str, port: int = 443) -> list[Finding]:
    """*solver* is how tls-alpn-01 would be answered (`standalone`, `front`), or empty where it is not used."""
    if not views:
        return []
    return [*_judge_need(name, views, solver, port), *_judge_ipv6(views, port)]


def _judge_need(name: Identifier, views: Sequence[TlsView], solver: str, port: int) -> list[Finding]:
    silent = [view for view in views if view.failure in {"timeout", "unreachable"}]
    if not solver:
        return []
    if any(view.failure == "timeout" for view in views):
        what = f"port {port} does not answer at {', '.join(view.address for view in silent)}, as seen from here"
        return [warning(_CHECK, what, f"open port {port} in every firewall on the way")]
    if len(silent) == len(views):
        return [ok(_CHECK, f"nothing listens on port {port} of {name.base}, so Evercert can")]
    if solver == "standalone":
        hint = "use http-01, or put Evercert in front: --tls-alpn-01 --tls-upstream HOST:PORT"
        return [problem(_CHECK, f"a server holds port {port} already, so standalone cannot have it", hint)]
    return [ok(_CHECK, f"port {port} of {name.base} answers")]


def _judge_ipv6(views: Sequence[TlsView], port: int) -> list[Finding]:
    """Two certificates for one name are two servers, or one that was forgotten when the other was renewed."""
    ipv4 = {view.fingerprint for view in views if view.fingerprint and not view.is_ipv6}
    ipv6 = {view.fingerprint for view in views if view.fingerprint and view.is_ipv6}
    if ipv4 and ipv6 and not ipv4 & ipv6:
        what = "IPv6 and IPv4 serve different certificates, so they may be different servers"
        return [warning("ipv6", what, "make AAAA lead to the same server, or install the certificate on both")]
    silent = [view.address for view in views if view.is_ipv6 and view.failure]
    if ipv4 and silent:
        what = f"port {port} serves TLS on IPv4 but not at {', '.join(silent)}, as seen from here"
        return [note("ipv6", what, "let the server listen on IPv6 too, or remove the AAAA record")]
    return []
