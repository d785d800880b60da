"""The HTTP port of every address of a name: what a CA would meet there that asks for an http-01 answer.

Seen from this machine, which may stand behind the same router as the server: a refusal here is
strong evidence, silence is not.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from evercert.base.errors import NetworkFailure
from evercert.base.foreign import one_line
from evercert.base.message import Request, Response, Transport
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning

__all__ = ["HttpView", "judge_http_port", "look_at_http_port"]

_CHECK = "port-80"
# A token that no CA makes up, so that no real challenge is asked for.
_PATH = "/.well-known/acme-challenge/evercert-doctor-asks-whether-anybody-answers"
_MAX_ADDRESSES = 8
# Let's Encrypt follows ten (docs, "Challenge Types").
_MAX_REDIRECTS = 10
_MAX_BODY = 64 << 10


@dataclass(frozen=True, slots=True)
class HttpView:
    """What one address answered. `hops` are the URLs that redirects led to; `fault` says what is
    wrong with the last of them. `failure` is a code (`timeout`, `unreachable`, ...) or empty."""

    address: str
    status: int = 0
    server: str = ""
    hops: tuple[str, ...] = ()
    fault: str = ""
    failure: str = ""

    @property
    def answered(self) -> bool:
        """Whatever came back, an endless page even, somebody is there."""
        return self.failure not in {"timeout", "unreachable"}

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


async def look_at_http_port(
    name: Identifier, addresses: Sequence[str], transport: Transport, port: int = 80
) -> list[HttpView]:
    """Asks each address (eight at most) side by side. Never raises for a peer's fault."""
    return await asyncio.gather(*(_look_at(name, address, transport, port) for address in addresses[:_MAX_ADDRESSES]))


async def _look_at(name: Identifier, address: str, transport: Transport, port: int) -> HttpView:
    try:
        response = await transport.send(_ask(f"http://{_authority(address, port)}{_PATH}", _authority(name.base, port)))
    except NetworkFailure as failure:
        return HttpView(address, failure=failure.code.name)
    server = one_line(response.header("server") or "", 40)
    hops, fault = await _follow(f"http://{_authority(name.base, port)}{_PATH}", response, transport, port)
    return HttpView(address, response.status, server, tuple(hops), fault)


def _ask(url: str, host: str = "") -> Request:
    return Request("GET", url, headers={"host": host} if host else {}, max_body=_MAX_BODY)


def _authority(host: str, port: int) -> str:
    written = f"[{host}]" if ":" in host else host
    return written if port == 80 else f"{written}:{port}"


async def _follow(asked: str, response: Response, transport: Transport, port: int) -> tuple[list[str], str]:
    """The URLs that the redirects lead to, and what a CA would refuse in the last."""
    hops: list[str] = []
    while 300 <= response.status < 400 and (location := response.header("location")):
        target = _joined(asked, location)
        if fault := _redirect_fault(target, {80, 443, port}) or ("it runs in a circle" if target in hops else ""):
            return [*hops, target], fault
        hops.append(target)
        if len(hops) > _MAX_REDIRECTS:
            return hops, f"there are more than {_MAX_REDIRECTS} of them"
        try:
            asked, response = target, await transport.send(_ask(target))
        except NetworkFailure as failure:
            # CAs take any certificate behind a redirect, so that it is not ours to check it.
            return hops, "" if failure.code.name == "tls" else f"its target does not answer ({failure.code.name})"
    return hops, ""


def _joined(asked: str, location: str) -> str:
    """Where a Location leads (RFC 9110 §10.2.2); itself, where it is no reference at all."""
    try:
        return urljoin(asked, location)
    except ValueError:
        return location


def _redirect_fault(url: str, ports: set[int]) -> str:
    """What Let's Encrypt refuses in a redirect: other schemes and ports, and addresses in place of names."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "it is no URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "it leads to something other than http or https"
    if port not in ports:
        return f"it leads to port {port}"
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return ""
    return "it leads to an address in place of a name"


def judge_http_port(name: Identifier, views: Sequence[HttpView], solver: str, port: int = 80) -> list[Finding]:
    """*solver* is how http-01 would be answered: `standalone` wants a free port, `webroot` and
    `proxy` a server that is there, `auto` takes either."""
    if not views:
        return []
    if not any(view.answered for view in views):
        return [_judge_silence(name, views, solver, port)]
    findings = [
        *_judge_ipv6(views, port),
        *(finding for view in views if view.answered for finding in _judge_answer(view)),
    ]
    if solver == "standalone":
        hint = "use --webroot, or let the server forward the challenges: --deploy nginx, or apache"
        findings.append(warning(_CHECK, f"a server holds port {port} already, so standalone may not get it", hint))
    return findings or [ok(_CHECK, f"port {port} of {name.base} answers on every address")]


def _judge_silence(name: Identifier, views: Sequence[HttpView], solver: str, port: int) -> Finding:
    addresses = ", ".join(view.address for view in views)
    if any(view.failure == "timeout" for view in views):
        hint = f"open port {port} in every firewall on the way, or prove the name by DNS: --dns PROVIDER"
        return warning(_CHECK, f"port {port} does not answer at {addresses}, as seen from here", hint)
    if solver in {"standalone", "auto"}:
        return ok(_CHECK, f"nothing listens on port {port} of {name.base}, so Evercert can")
    hint = "start the web server, or use --http-01 without --webroot"
    return problem(_CHECK, f"nothing listens on port {port} at {addresses}", hint)


def _judge_ipv6(views: Sequence[HttpView], port: int) -> list[Finding]:
    """CAs try IPv6 first, and not all of them come back to IPv4."""
    silent = [view.address for view in views if view.is_ipv6 and not view.answered]
    if silent and any(view.answered and not view.is_ipv6 for view in views):
        what = f"port {port} answers on IPv4 but not at {', '.join(silent)}, as seen from here"
        return [warning("ipv6", what, "let the server listen on IPv6 too, or remove the AAAA record")]
    silent = [view.address for view in views if not view.is_ipv6 and not view.answered]
    if silent:
        what = f"port {port} does not answer at {', '.join(silent)}, but at other addresses it does"
        return [warning(_CHECK, what, "a CA picks any address: let the server listen there, or remove the record")]
    servers = {view.is_ipv6: view.server for view in views if view.status}
    if len(servers) == 2 and servers[True] != servers[False]:
        what = f"IPv6 is answered by {servers[True] or 'another server'}, IPv4 by {servers[False] or 'another'}"
        return [warning("ipv6", what, "make AAAA lead to the server that will answer the challenge")]
    return []


def _judge_answer(view: HttpView) -> list[Finding]:
    if view.fault:
        what = f"{view.address} redirects challenges to {one_line(view.hops[-1])}, and {view.fault}"
        return [problem(_CHECK, what, "leave /.well-known/acme-challenge/ out of the redirect")]
    if view.hops:
        what = f"{view.address} redirects challenges to {one_line(view.hops[-1])}"
        return [note(_CHECK, what, "CAs follow that, whatever its certificate; the answer must be there too")]
    if view.status in {401, 403, 407}:
        what = f"{view.address} answers challenges with {view.status}"
        return [warning(_CHECK, what, "let everybody read /.well-known/acme-challenge/")]
    if view.status >= 500:
        return [warning(_CHECK, f"{view.address} answers challenges with {view.status}", "repair the web server")]
    if 200 <= view.status < 300 or view.failure:
        what = f"{view.address} answers any challenge path with a page of its own"
        return [note(_CHECK, what, "an application may answer in place of the challenge's file")]
    return []
