"""tls-alpn-01: a self-signed certificate shown to whoever asks for `acme-tls/1` (RFC 8737).

`standalone` owns the port. `front` stands before a live TLS server on its public port, answers the CA
and passes everybody else through untouched; what it has opened stays open as long as the process,
because the clients of that server come through it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from evercert.acme.challenge import acme_identifier_digest
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import parse_identifier
from evercert.base.secret import Secret
from evercert.model.fact import Presented
from evercert.net.listen import AlpnFront, AlpnResponder
from evercert.pki.cert import self_signed
from evercert.solve.responders import SharedResponder
from evercert.solve.together import side_by_side

__all__ = ["AlpnSolver", "FrontedResponder", "upstream_of"]


class FrontedResponder:
    """An `AlpnResponder` behind a front that shares its port with a live TLS server."""

    def __init__(self, host: str, port: int, *, proxy_protocol: bool) -> None:
        self._responder = AlpnResponder()
        self._front = AlpnFront(self._responder, host, port, proxy_protocol=proxy_protocol)

    async def start(self, addresses: Sequence[str], port: int) -> int:
        try:
            return await self._front.start(addresses, port)
        except EvercertError as error:
            if error.hint:
                error.hint += "; if that is `evercert run`, it obtains this one too when it tries again"
            raise

    def put(self, server_name: str, certificate_pem: str, key_pem: Secret) -> None:
        self._responder.put(server_name, certificate_pem, key_pem)

    def drop(self, server_name: str) -> None:
        self._responder.drop(server_name)

    async def close(self) -> None:
        await self._front.close()
        await self._responder.close()


class AlpnSolver:
    """Keeps `plugins.contracts.Solver`. Nothing of it outlives the process."""

    def __init__(self, responder: SharedResponder[AlpnResponder] | SharedResponder[FrontedResponder]) -> None:
        self._responder = responder

    async def present(self, items: Sequence[Presented], keep: Callable[[Presented], Awaitable[None]]) -> None:
        for item in items:
            await self._responder.put(item.place, item.content, item.issuance_id, _answering(item))

    async def ready(self, items: Sequence[Presented]) -> None:
        """They are: the responder answers since `present` returned."""

    async def clean_up(self, items: Sequence[Presented]) -> None:
        await side_by_side(self._responder.drop(item.place, item.issuance_id) for item in items)

    async def close(self) -> None:
        """The responder is shared, and closed by who owns it."""


def upstream_of(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` of the live server; raises `bad-input`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise EvercertError("bad-input", f"upstream is host:port, not {one_line(text, 60)!r}")
    return host.strip("[]"), int(port)


def _answering(item: Presented) -> Callable[[AlpnResponder | FrontedResponder], None]:
    certificate, key = self_signed(parse_identifier(item.identifier), acme_identifier_digest(item.content))
    return lambda responder: responder.put(item.place, certificate, key)
