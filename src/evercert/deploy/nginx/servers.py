"""Which server block answers for a name, as nginx decides it.

https://nginx.org/en/docs/http/server_names.html: on each socket the exact name, then the longest
`*.name`, then the longest `name.*`, then the first regular expression, then the default server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evercert.base.names import Identifier
from evercert.deploy.nginx.tree import Configuration, Node

__all__ = ["Answer", "Listen", "Server", "answers", "asked_name", "find_servers"]


@dataclass(frozen=True, slots=True)
class Listen:
    """One `listen`: `host` is an address, or `*` or `::` for all of a family."""

    host: str
    port: int
    options: tuple[str, ...] = ()

    @property
    def tls(self) -> bool:
        return "ssl" in self.options

    @property
    def default(self) -> bool:
        return "default_server" in self.options or "default" in self.options

    @property
    def expects_proxy(self) -> bool:
        return "proxy_protocol" in self.options

    @property
    def socket(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def written_host(self) -> str:
        """The host as a `listen` has it, with its colon; nothing for all of IPv4."""
        return "" if self.host == "*" else f"[{self.host}]:" if ":" in self.host else f"{self.host}:"

    @property
    def reached_at(self) -> str:
        """An address of this machine where the socket answers."""
        return {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # compared, never bound


@dataclass(frozen=True)
class Server:
    """A server block of the `http` context."""

    node: Node

    @cached_property
    def listens(self) -> tuple[Listen, ...]:
        written = [child.directive.arguments for child in self.node.children if child.name == "listen"]
        old_tls = ("ssl",) if any(_is_on(child) for child in self.node.children) else ()
        found = (_listen(arguments, old_tls) for arguments in written or [("80",)])
        return tuple(listen for listen in found if listen is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        found = [
            word for child in self.node.children if child.name == "server_name" for word in child.directive.arguments
        ]
        return tuple(name if name.startswith("~") else name.lower() for name in found)

    def match(self, name: str) -> tuple[int, int] | None:
        """How well the block's names match; less is better. None where they do not."""
        return min((rank for pattern in self.names if (rank := _rank(pattern, name)) is not None), default=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """*server* answers for *name* on the socket of *listen*; `by_name`, or as the default."""

    identifier: Identifier
    name: str
    server: Server
    listen: Listen
    by_name: bool


def find_servers(configuration: Configuration) -> list[Server]:
    """All server blocks of `http`, in the order in which nginx reads them."""
    return [
        Server(node)
        for http in configuration.nodes
        if http.name == "http"
        for node in http.children
        if node.name == "server"
    ]


def answers(servers: Sequence[Server], identifier: Identifier, port: int, *, tls: bool) -> list[Answer]:
    """Who answers for the identifier on each socket of *port*, with or without TLS."""
    by_socket: dict[tuple[str, int], list[tuple[Server, Listen]]] = {}
    for server in servers:
        for listen in server.listens:
            if listen.port == port and listen.tls is tls:
                by_socket.setdefault(listen.socket, []).append((server, listen))
    name = asked_name(servers, identifier)
    return [_answer(identifier, name, candidates) for candidates in by_socket.values()]


def asked_name(servers: Iterable[Server], identifier: Identifier) -> str:
    """What a client asks for: the name, or for a wildcard some name under it.

    A made-up label, unless the wildcard has no block of its own but names under it have.
    """
    if not identifier.wildcard:
        return identifier.value
    made_up = f"evercert-proof.{identifier.base}"
    servers = list(servers)
    if any(server.match(made_up) for server in servers):
        return made_up
    under = re.compile(rf"[^.*~]+\.{re.escape(identifier.base)}")
    return next((name for server in servers for name in server.names if under.fullmatch(name)), made_up)


def _answer(identifier: Identifier, name: str, candidates: Sequence[tuple[Server, Listen]]) -> Answer:
    ranked = [(rank, order) for order, (server, _) in enumerate(candidates) if (rank := server.match(name)) is not None]
    # A ClientHello has no IP address in it (RFC 6066 §3): nginx then takes the default server.
    if ranked and identifier.type == "dns":
        server, listen = candidates[min(ranked)[1]]
        return Answer(identifier, name, server, listen, by_name=True)
    server, listen = next((each for each in candidates if each[1].default), candidates[0])
    own_address = identifier.type == "ip" and (identifier.value == listen.host or server.match(name) is not None)
    return Answer(identifier, name, server, listen, by_name=own_address)


def _is_on(node: Node) -> bool:
    return node.directive.words == ("ssl", "on")


def _listen(arguments: tuple[str, ...], more: tuple[str, ...]) -> Listen | None:
    """None for a Unix socket, QUIC, or what is no port: nobody reaches us there by TCP."""
    if not arguments or arguments[0].startswith("unix:") or "quic" in arguments:
        return None
    options = (*arguments[1:], *more)
    written = re.fullmatch(r"(?:(\[[^\]]+\]|[^:\[\]]+):)?(\d+)", arguments[0])
    if written:
        return Listen(_host(written[1] or "*"), int(written[2]), options)
    return Listen(_host(arguments[0]), 80, options)


def _host(text: str) -> str:
    return text.strip("[]").lower()


def _rank(pattern: str, name: str) -> tuple[int, int] | None:
    if pattern.startswith("~"):
        expression = _compiled(pattern[1:])
        return (3, 0) if expression and expression.search(name) else None
    if pattern == name:
        return 0, 0
    if pattern.startswith(".") and (name == pattern[1:] or name.endswith(pattern)):
        return (0, 0) if name == pattern[1:] else (1, -len(pattern))
    if pattern.startswith("*.") and name.endswith(pattern[1:]):
        return 1, 1 - len(pattern)
    if pattern.endswith(".*") and name.startswith(pattern[:-1]):
        return 2, -len(pattern)
    return None


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> re.Pattern[str] | None:
    """PCRE and Python agree on what people write in a server_name, but for the names of groups."""
    try:
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", expression), re.IGNORECASE)
    except re.error:
        return None
