"""BIND as a zone's primary that takes TSIG-signed updates (RFC 2136), on a port of its own.

Facts that a test must know: an unsigned update, and one by a key that no policy names, is answered REFUSED; an unknown
key NOTAUTH with BADKEY; a wrong secret NOTAUTH with BADSIG. A policy of type `subdomain` covers the name itself too. It
knows truncated algorithms (hmac-sha256-128) by the whole one's name. It answers on 127.0.0.1 and ::1, no recursion,
and tells the zones' servers with port 53 where nothing listens: name this server instead.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import dns.message
import dns.query

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["ALGORITHMS", "Bind", "LateBind"]

ALGORITHMS: Final = (
    "hmac-md5",
    "hmac-sha1",
    "hmac-sha224",
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
)

_SECRET: Final = base64.b64encode(b"a secret that is long enough for any of these algorithms").decode()

_ZONE = """$TTL 60
@ SOA ns host 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.1
ns AAAA ::1
"""


class Bind:
    """Primary of *zones* (name -> further lines of its file). Keys are named after their algorithms and may write
    TXT records below every zone; the key `stranger` may write nothing. Only a *recursive* one follows a CNAME from one
    of its zones into another."""

    def __init__(self, place: Place, zones: Mapping[str, str], *, port: int = 0, recursive: bool = False) -> None:
        self.port = port or free_port()
        self.address, self.address6 = f"127.0.0.1:{self.port}", f"[::1]:{self.port}"
        self.secret = _SECRET
        folder = place.folder / f"bind-{self.port}"
        folder.mkdir(mode=0o755)
        for zone, lines in zones.items():
            (folder / zone).write_text(_ZONE + lines)
        config = folder / "named.conf"
        config.write_text(_config(str(folder), self.port, list(zones), recursive))
        self._program = _started(place, folder.name, config)

    def txt(self, name: str, *, over: str = "127.0.0.1") -> list[str]:
        """The TXT values that it answers with, sorted."""
        answer = dns.query.udp(dns.message.make_query(name, "TXT"), over, timeout=5, port=self.port)
        return sorted(b"".join(item.strings).decode() for rrset in answer.answer for item in rrset)

    def log(self) -> str:
        return self._program.text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()


class LateBind:
    """A secondary of *zones* at *address*, port 53, that is told nothing and looks every *refresh* seconds."""

    def __init__(self, place: Place, zones: Iterable[str], *, address: str = "127.0.0.2", refresh: int = 3) -> None:
        folder = place.folder / f"bind-{address}"
        folder.mkdir(mode=0o755)
        config = folder / "named.conf"
        lines = [
            f'options {{ directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";',
            f"  listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; recursion no; dnssec-validation no;",
            f"  min-refresh-time {refresh}; max-refresh-time {refresh}; }}; controls {{ }};",
            *(f'zone "{zone}" {{ type secondary; primaries {{ 127.0.0.1; }}; file "{zone}"; }};' for zone in zones),
        ]
        config.write_text("\n".join(lines) + "\n")
        self._program = _started(place, folder.name, config)
        self._program.wait_until(lambda: "Transfer status: success" in self._program.text(), "having the zones")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()


def _started(place: Place, name: str, config: Path) -> Program:
    program = place.start([installed("named", "apt-get install bind9"), "-g", "-c", config], name)
    return program.wait_until(lambda: " running\n" in program.text(), "running")


def _config(folder: str, port: int, zones: list[str], recursive: bool) -> str:
    keys = [(name, name) for name in ALGORITHMS] + [("stranger", "hmac-sha256")]
    lines = [f'key "{name}" {{ algorithm {algorithm}; secret "{_SECRET}"; }};' for name, algorithm in keys]
    lines += [
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";',
        f"  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};",
        f"  recursion {'yes' if recursive else 'no'}; notify no; dnssec-validation no; }};",
        "controls { };",
    ]
    for zone in zones:
        grants = " ".join(f'grant "{name}" subdomain {zone}. TXT;' for name in ALGORITHMS)
        lines.append(f'zone "{zone}" {{ type primary; file "{zone}"; update-policy {{ {grants} }}; }};')
    return "\n".join(lines) + "\n"
