"""A real BIND with a root zone of its own: it resolves for us, and is authoritative for everything below."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import dns.message
import dns.query
from dns.exception import DNSException

from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["Named"]

_CONFIG = """
options {{
  directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};
  recursion yes; allow-query {{ any; }}; dnssec-validation no; minimal-responses no;
  allow-update {{ none; }};
}};
controls {{ }};
zone "." {{ type primary; file "root"; }};
{zones}
"""

_ROOT = """$TTL 60
@ SOA ns.root-servers.test. host.root-servers.test. 1 3600 600 86400 60
@ NS ns.root-servers.test.
ns.root-servers.test. A 127.0.0.1
"""


class Named:
    """`zones` maps a zone's name to the lines of its file, SOA and NS included."""

    def __init__(self, folder: Path, zones: dict[str, str], *, updated: bool = False) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        root = _ROOT + "".join(
            f"{zone}. NS ns.{zone}.\nns.{zone}. A 127.0.0.1\n" for zone in zones if zone.count(".") == 0
        )
        (folder / "root").write_text(root)
        stanzas = []
        for zone, lines in zones.items():
            (folder / zone).write_text(lines)
            update = "allow-update { 127.0.0.1; };" if updated else ""
            stanzas.append(f'zone "{zone}" {{ type primary; file "{zone}"; {update} }};')
        config = folder / "named.conf"
        config.write_text(_CONFIG.format(folder=folder, port=self.port, zones="\n".join(stanzas)))
        program = installed("named", "apt-get install bind9")
        self._program = Program([program, "-g", "-c", config], folder / "named.log")

    def _answers(self) -> bool:
        query = dns.message.make_query(".", "SOA")
        try:
            return bool(dns.query.udp(query, "127.0.0.1", timeout=0.5, port=self.port).answer)
        except (DNSException, OSError):
            return False

    def __enter__(self) -> Self:
        self._program.wait_until(self._answers, "answering")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()
