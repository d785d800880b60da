"""Caddy 2.11 as an ACME CA (its `acme_server`), inside a namespace with the real ports 80 and 443.

Facts that a test must know: certificates live 12 hours; http-01, tls-alpn-01 and dns-01 are offered, device
attestation is not; the validator asks the resolver it is given and connects to the real ports, so the client's
responders must listen there, in the same namespace; Caddy's own site is elsewhere. The directory is served under a
certificate of Caddy's own root, so `authority` is both the root to reach it by and the root of what it issues.
There is no ARI and no orders list; account and order URLs are under `/acme/local/`.
"""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Self

from tests.peers.namespaces import Namespace
from tests.peers.ports import free_port
from tests.peers.program import installed, without_trust_overrides

__all__ = ["Caddy"]

# `auto_https disable_redirects`: nothing of Caddy's may sit on the port where challenges are answered.
_CONFIG = """
{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    http_port {http_port}
    https_port {https_port}
    storage file_system {data}
}}
https://localhost {{
    tls internal
    acme_server {{
        ca local
        lifetime 12h
        resolvers {resolver}
        challenges http-01 tls-alpn-01 dns-01
    }}
}}
"""


class Caddy:
    """A running Caddy. *resolver* (host:port) is the DNS server that its validations ask."""

    def __init__(self, place: Namespace, resolver: str = "127.0.0.1:53") -> None:
        data, file, port = place.folder / "caddy", place.folder / "Caddyfile", free_port()
        file.write_text(_CONFIG.format(http_port=free_port(), https_port=port, data=data, resolver=resolver))
        self.directory = f"https://localhost:{port}/acme/local/directory"
        self.authority = data / "pki/authorities/local/root.crt"
        # Without a home of its own Caddy would write into this user's.
        env = without_trust_overrides(HOME=str(place.folder), XDG_DATA_HOME=str(data), XDG_CONFIG_HOME=str(data))
        argv = [installed("caddy", "run `make setup`"), "run", "--config", str(file), "--adapter", "caddyfile"]
        self._place = place
        self._program = place.start(argv, "caddy", env=env)
        self._program.wait_until(self.authority.exists, "having a root")
        self._program.wait_until(partial(place.accepts, port), "listening").wait_until(self._answers, "answering")

    def environment(self, **more: str) -> dict[str, str]:
        """For any client program: it trusts this Caddy's root, whichever variable it reads."""
        ca = str(self.authority)
        return without_trust_overrides(SSL_CERT_FILE=ca, REQUESTS_CA_BUNDLE=ca, LEGO_CA_CERTIFICATES=ca, **more)

    def log(self) -> str:
        return self._program.text()

    def end(self) -> None:
        self._program.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _answers(self) -> bool:
        """The listener is up a moment before its own certificate is."""
        return self._place.answers(self.directory, self.authority)
