"""PowerDNS Authoritative Server on SQLite, with its HTTP API, on ports of its own; caches are off."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import dns.message
import dns.query

from tests.peers.place import Place
from tests.peers.ports import free_port
from tests.peers.program import installed

__all__ = ["PowerDns"]

_SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
_CONFIG = """launch=gsqlite3
gsqlite3-database={folder}/pdns.sqlite3
local-address=127.0.0.1
local-port={dns_port}
api=yes
api-key={api_key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={api_port}
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
socket-dir={folder}
"""


class PowerDns:
    """A running server. `url` is its API's, `api_key` the key for it, `address` its DNS."""

    def __init__(self, place: Place) -> None:
        self.dns_port, api_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.dns_port}"
        self.url = f"http://127.0.0.1:{api_port}"
        self.api_key = "a key for tests"
        folder = place.folder / f"powerdns-{self.dns_port}"
        folder.mkdir()
        with sqlite3.connect(folder / "pdns.sqlite3") as database:
            database.executescript(_SCHEMA.read_text())
        database.close()
        config = _CONFIG.format(folder=folder, dns_port=self.dns_port, api_port=api_port, api_key=self.api_key)
        (folder / "pdns.conf").write_text(config)
        program = installed("pdns_server", "apt-get install pdns-server pdns-backend-sqlite3")
        argv = [program, f"--config-dir={folder}", "--daemon=no", "--guardian=no"]
        self._program = place.start(argv, folder.name)
        self._program.wait_until(partial(place.accepts, api_port), "listening for its API")

    def add_zone(self, zone: str, kind: str = "Native") -> None:
        self._call("POST", "/zones", {"name": f"{zone}.", "kind": kind, "nameservers": [f"ns.{zone}."]})

    def rrset(self, zone: str, name: str) -> dict[str, Any]:
        """The TXT record set as the API shows it; {} if there is none."""
        rrsets = self._call("GET", f"/zones/{zone}.")["rrsets"]
        return next((each for each in rrsets if each["name"] == f"{name}." and each["type"] == "TXT"), {})

    def set_txt(self, zone: str, name: str, *contents: str, ttl: int = 300, disabled: bool = False) -> None:
        records = [{"content": content, "disabled": disabled} for content in contents]
        change = {"name": f"{name}.", "type": "TXT", "ttl": ttl, "changetype": "REPLACE", "records": records}
        self._call("PATCH", f"/zones/{zone}.", {"rrsets": [change]})

    def set_aliases(self, zone: str, names: Sequence[str], target: str) -> None:
        record = {"content": f"{target}.", "disabled": False}
        rrsets = [
            {"name": f"{name}.", "type": "CNAME", "ttl": 60, "changetype": "REPLACE", "records": [record]}
            for name in names
        ]
        self._call("PATCH", f"/zones/{zone}.", {"rrsets": rrsets})

    def comment(self, zone: str, name: str, text: str) -> None:
        """A comment at the TXT record set of *name*, which may have no record."""
        comments = [{"content": text, "account": "tests"}]
        change = {"name": f"{name}.", "type": "TXT", "changetype": "REPLACE", "comments": comments}
        self._call("PATCH", f"/zones/{zone}.", {"rrsets": [change]})

    def txt(self, name: str) -> list[str]:
        """The TXT values that it answers with, sorted."""
        answer = dns.query.udp(dns.message.make_query(name, "TXT"), "127.0.0.1", timeout=5, port=self.dns_port)
        return sorted(b"".join(item.strings).decode() for rrset in answer.answer for item in rrset)

    def _call(self, method: str, path: str, document: object = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1/servers/localhost{path}",
            data=body,
            method=method,
            headers={"X-API-Key": self.api_key, "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()
