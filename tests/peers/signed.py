"""BIND twice: one has signed zones, and one that has been spoilt since; the other resolves for us and validates.

Facts that a test must know: the validating one trusts the zones' own keys (there is no root), and what it finds bogus
it answers with SERVFAIL. Bind 9.18 says why (RFC 8914) only in part.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["SignedBind"]

_ZONE = """$TTL 60
@ SOA ns host 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.1
"""


class SignedBind:
    """Zones (name -> further lines), all signed; in those of *spoilt* every `192.0.2.1` became `192.0.2.66` after that.
    `address` is the validating resolver's."""

    def __init__(self, place: Place, zones: Mapping[str, str], *, spoilt: frozenset[str] = frozenset()) -> None:
        folder = place.folder / "signed"
        folder.mkdir(mode=0o755)
        keys = {zone: _signed(folder, zone, lines) for zone, lines in zones.items()}
        for zone in spoilt:
            file = folder / f"{zone}.signed"
            file.write_text(file.read_text().replace("192.0.2.1", "192.0.2.66"))
        self._programs: list[Program] = []
        self._holds = self._start(place, folder, "holds", _holding(folder, list(zones)))
        port = self._start(place, folder, "validates", _validating(folder, keys, self._holds))
        self.address = f"127.0.0.1:{port}"

    def _start(self, place: Place, folder: Path, name: str, config: str) -> int:
        port = free_port()
        file = folder / f"{name}.conf"
        file.write_text(config.replace("PORT", str(port), 1))
        program = place.start([installed("named", "apt-get install bind9"), "-g", "-c", file], f"bind-{name}")
        self._programs.append(program)
        program.wait_until(lambda: " running\n" in program.text(), "running")
        return port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self._programs:
            program.end()


def _signed(folder: Path, zone: str, lines: str) -> str:
    """The zone's key as a trust anchor."""
    run = [installed("dnssec-keygen", "apt-get install bind9-utils"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone]
    name = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    key = (folder / f"{name}.key").read_text().splitlines()[-1].split("DNSKEY ")[1]
    (folder / zone).write_text(_ZONE + lines + f"@ DNSKEY {key}\n")
    signer = installed("dnssec-signzone", "apt-get install bind9-utils")
    run = [signer, "-z", "-o", zone, "-f", f"{zone}.signed", zone, name]
    subprocess.run(run, cwd=folder, capture_output=True, check=True)
    flags, protocol, algorithm, *octets = key.split()
    return f'{zone}. static-key {flags} {protocol} {algorithm} "{"".join(octets)}";'


def _options(folder: Path, more: str) -> str:
    return (
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";\n'
        f"  listen-on port PORT {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; {more} }};\ncontrols {{ }};\n"
    )


def _holding(folder: Path, zones: list[str]) -> str:
    stanzas = (f'zone "{zone}" {{ type primary; file "{zone}.signed"; }};\n' for zone in zones)
    return _options(folder, "recursion no; dnssec-validation no;") + "".join(stanzas)


def _validating(folder: Path, keys: Mapping[str, str], port: int) -> str:
    anchors = "trust-anchors {\n" + "\n".join(keys.values()) + "\n};\n"
    forwarded = (
        f'zone "{zone}" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {port}; }}; }};\n' for zone in keys
    )
    return _options(folder, "recursion yes; dnssec-validation yes;") + anchors + "".join(forwarded)
