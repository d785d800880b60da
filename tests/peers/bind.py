"""BIND as a zone's primary that takes TSIG-signed updates (RFC 2136), on a port of its own.

Facts that a test must know: an unsigned update, and one by a key that no policy names, is answered REFUSED; an unknown
key NOTAUTH with BADKEY; a wrong secret NOTAUTH with BADSIG. A policy of type `subdomain` covers the name itself too. It
knows truncated algorithms (hmac-sha256-128) by the whole one's name. It answers on 127.0.0.1 and ::1, no recursion,
and tells the zones' servers with port 53 where nothing listens: name this server instead.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import dns.message
import dns.query
from dns.exception import DNSException

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import installed

__all__ = ["ALGORITHMS", "Bind"]

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
    TXT records below every zone; the key `stranger` may write nothing."""

    def __init__(self, place: Place, zones: Mapping[str, str]) -> None:
        self.port = free_port()
        self.address, self.address6 = f"127.0.0.1:{self.port}", f"[::1]:{self.port}"
        self.secret = _SECRET
        folder = place.folder / f"bind-{self.port}"
        folder.mkdir(mode=0o755)
        for zone, lines in zones.items():
            (folder / zone).write_text(_ZONE + lines)
        config = folder / "named.conf"
        config.write_text(_config(str(folder), self.port, list(zones)))
        self._some_zone = next(iter(zones))
        self._program = place.start([installed("named", "apt-get install bind9"), "-g", "-c", config], folder.name)
        self._program.wait_until(self._answers, "answering")

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

    def _answers(self) -> bool:
        try:
            query = dns.message.make_query(self._some_zone, "SOA")
            return bool(dns.query.udp(query, "127.0.0.1", timeout=0.5, port=self.port).answer)
        except (DNSException, OSError):
            return False


def _config(folder: str, port: int, zones: list[str]) -> str:
    keys = [(name, name) for name in ALGORITHMS] + [("stranger", "hmac-sha256")]
    lines = [f'key "{name}" {{ algorithm {algorithm}; secret "{_SECRET}"; }};' for name, algorithm in keys]
    lines += [
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";',
        f"  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};",
        "  recursion no; notify no; dnssec-validation no; };",
        "controls { };",
    ]
    for zone in zones:
        grants = " ".join(f'grant "{name}" subdomain {zone}. TXT;' for name in ALGORITHMS)
        lines.append(f'zone "{zone}" {{ type primary; file "{zone}"; update-policy {{ {grants} }}; }};')
    return "\n".join(lines) + "\n"
