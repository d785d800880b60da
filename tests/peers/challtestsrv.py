"""pebble-challtestsrv: a DNS server (UDP and TCP) whose answers a test sets, and a mock of challenge responders.

What it does and does not do (challtestsrv 1.4.2): an unknown name has the default addresses; TXT, CAA and CNAME are
what was set and absent otherwise, never NXDOMAIN; one CNAME is followed, for every type; questions for SOA and NS are
answered NOTIMP, so a search for a zone cut finds none (every answer carries an invented SOA in its authority section).
For zones, use a real server. Names are compared as they are asked: set them in lower case.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.ports import free_port
from tests.peers.program import Program, answers, installed

__all__ = ["Challtestsrv"]


class Challtestsrv:
    """A running pebble-challtestsrv. `address` is its DNS server, as host:port."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", ipv4: str = "127.0.0.1", ipv6: str = "") -> None:
        self._management = f"http://{host}:{(port := free_port(host))}"
        self.dns_port = free_port(host)
        self.address = f"{host}:{self.dns_port}"
        argv = [
            *(
                installed("pebble-challtestsrv", "run `make tools`"),
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-doh",
                "",
            ),
            *("-dnsserver", self.address, "-management", f"{host}:{port}", "-defaultIPv4", ipv4, "-defaultIPv6", ipv6),
        ]
        self._program = Program(argv, folder / "challtestsrv.log")
        self._program.wait_until(answers(port, host), "listening").wait_until(answers(self.dns_port, host), "DNS")

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
        request = urllib.request.Request(f"{self._management}/{path}", data=json.dumps(fields).encode(), method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            return response.read()
