"""From the settings to what looks at the world: the CA's own network, and perspectives elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import parse_identifier
from evercert.base.secret import Secret
from evercert.ca.setup.settings import CaSettings, PerspectiveSettings
from evercert.ca.validation.claim import Reach
from evercert.ca.validation.hosts import WithHosts
from evercert.ca.validation.network import Network
from evercert.ca.validation.perspectives import Perspectives, Remote
from evercert.config.references import resolve
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.validating.network import ValidatingNetwork

__all__ = ["perspectives_of", "reach_of"]


def reach_of(settings: CaSettings) -> Reach:
    """What the CA itself sees, and where it lets itself be led."""
    wanted = settings.validation
    network: Network = ValidatingNetwork(wanted.resolvers)
    if wanted.hosts:
        network = WithHosts(network, {_host(name): each for name, each in wanted.hosts.items()})
    return Reach(network, settings.network_policy(), http_port=wanted.http_port, tls_port=wanted.tls_port)


def _host(name: str) -> str:
    return parse_identifier(name).value


@asynccontextmanager
async def perspectives_of(
    settings: CaSettings, folder: Path, environ: Mapping[str, str], clock: Clock
) -> AsyncIterator[Perspectives]:
    """Those that the settings name; without any, what the CA sees is enough. Raises `bad-input`, `not-found`."""
    wanted = settings.validation
    roots = folder / wanted.perspective_roots if wanted.perspective_roots else None
    identity = folder / wanted.perspective_identity if wanted.perspective_identity else None
    transport = HttpTransport(HttpSettings(roots=roots, identity=identity), clock)
    try:
        yield Perspectives([_remote(each, environ) for each in wanted.perspectives], transport)
    finally:
        await transport.close()


def _remote(written: PerspectiveSettings, environ: Mapping[str, str]) -> Remote:
    parts = urlsplit(written.url)
    # The token goes with each question; in the clear it may go no further than this machine.
    is_near = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or (parts.scheme != "https" and not is_near):
        raise EvercertError("insecure-url", f"the perspective {one_line(written.name, 60)} is not asked over https")
    token = resolve(written.token, environ) if written.token else Secret("")
    return Remote(written.name, written.url, token, written.region)
