"""pebble-challtestsrv: a DNS server (UDP and TCP) whose answers a test sets, and a mock of challenge responders.

What it does and does not do (challtestsrv 1.4.2): an unknown name has the default addresses; TXT, CAA and CNAME are
what was set and absent otherwise, never NXDOMAIN; one CNAME is followed, for every type; questions for SOA and NS are
answered NOTIMP, so a search for a zone cut finds none (every answer carries an invented SOA in its authority section).
For zones, use a real server. Names are compared as they are asked: set them in lower case.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import installed

__all__ = ["Challtestsrv"]


class Challtestsrv:
    """A running pebble-challtestsrv. `address` is its DNS server, as host:port."""

    def __init__(self, place: Place, *, port: int = 0, ipv4: str = "127.0.0.1", ipv6: str = "") -> None:
        self._place = place
        self._management = management = free_port()
        self.dns_port = port or free_port()
        self.address = f"127.0.0.1:{self.dns_port}"
        argv = [
            *(installed("pebble-challtestsrv", "run `make tools`"), "-http01", "", "-https01", "", "-tlsalpn01", ""),
            *("-doh", "", "-dnsserver", self.address, "-management", f"127.0.0.1:{management}"),
            *("-defaultIPv4", ipv4, "-defaultIPv6", ipv6),
        ]
        self._program = place.start(argv, "challtestsrv")
        for listening in (management, self.dns_port):
            self._program.wait_until(partial(place.accepts, listening), f"listening on port {listening}")

    def set_addresses(self, host: str, *, ipv4: Sequence[str] = (), ipv6: Sequence[str] = ()) -> None:
        """*host* has these addresses from now on; an empty family has its default again."""
        for kind, addresses in (("a", ipv4), ("aaaa", ipv6)):
            self._post(f"clear-{kind}", host=host)
            if addresses:
                self._post(f"add-{kind}", host=host, addresses=list(addresses))

    def add_txt(self, host: str, value: str) -> None:
        self._post("set-txt", host=host, value=value)

    def clear_txt(self, host: str) -> None:
        self._post("clear-txt", host=host)

    def set_cname(self, host: str, target: str) -> None:
        self._post("set-cname", host=host, target=target)

    def add_caa(self, host: str, *policies: tuple[str, str]) -> None:
        """*policies* are pairs of tag and value, such as ("issue", "ca.test")."""
        self._post("add-caa", host=host, policies=[{"tag": tag, "value": value} for tag, value in policies])

    def clear_caa(self, host: str) -> None:
        self._post("clear-caa", host=host)

    def set_servfail(self, host: str) -> None:
        self._post("set-servfail", host=host)

    def clear_servfail(self, host: str) -> None:
        self._post("clear-servfail", host=host)

    def questions(self, host: str) -> list[dict[str, Any]]:
        """The DNS questions asked for *host*, oldest first."""
        return json.loads(self._post("dns-request-history", host=host) or b"[]") or []

    def end(self) -> None:
        self._program.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _post(self, path: str, **fields: object) -> bytes:
        return self._place.fetch(f"http://127.0.0.1:{self._management}/{path}", json.dumps(fields).encode())
