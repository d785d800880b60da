"""What plugins promise, and what they may use of the world outside.

A plugin gets `Ports` and nothing else: whatever it sends, asks, runs or waits for goes through
them, so that it can be run against fakes that keep the same contracts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.message import Transport
from evercert.base.names import Identifier
from evercert.base.program import Completed
from evercert.base.secret import Secret
from evercert.model.fact import Presented
from evercert.net.unix import UnixSockets
from evercert.plugins.info import Options, PluginInfo

__all__ = [
    "Bundle",
    "ChallengeRoute",
    "Completed",
    "DnsProvider",
    "Endpoint",
    "Foresight",
    "LocalSockets",
    "Ports",
    "Programs",
    "Rehearsal",
    "Resolver",
    "Solver",
    "Target",
]


class Programs(Protocol):
    """Runs programs of this machine: an argument list, never a shell; bounded in time and output.

    `env` is added to a minimal environment. Raises `program` if it cannot start or takes too
    long; a non-zero status is the caller's to judge.
    """

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> Completed: ...


class Resolver(Protocol):
    """DNS as plugins and solvers need it. Names are A-labels without a final dot.

    Every method raises `EvercertError("dns", ...)` where there is no usable answer (SERVFAIL,
    time-out); "there is none" is an empty list, never an error.
    """

    async def txt(self, name: str, *, server: str = "") -> list[str]:
        """The TXT values at *name* (strings of one record joined), asked of *server*
        (`address`, `address:port`, `[v6]:port`) directly and without recursion, or else of
        the configured resolvers."""
        ...

    async def cname(self, name: str) -> str:
        """Where *name* is an alias to, or "" if it is none."""
        ...

    async def zone(self, name: str) -> str:
        """The zone cut above or at *name*: the owner of the SOA that answers for it."""
        ...

    async def authoritative(self, zone: str) -> list[str]:
        """Every address (IPv4 and IPv6, as for *server*) of every name server of *zone*."""
        ...

    async def addresses(self, name: str) -> list[str]:
        """The A and AAAA addresses of *name*, IPv6 last."""
        ...

    async def send_message(self, wire: bytes, server: str, timeout: float) -> bytes:
        """The reply to a DNS message that the caller made (RFC 2136), sent to *server* over TCP.

        Whether it is a reply to that message is the caller's to check. Raises `dns`.
        """
        ...


class LocalSockets(Protocol):
    """Speaks to servers of this machine at their Unix sockets."""

    async def ask(self, path: Path, question: bytes, *, limit: int = 1 << 20, timeout: float = 10.0) -> bytes:
        """All that is answered until the server closes. Raises `NetworkFailure` (`unreachable`,
        `timeout`, `too-large`)."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a plugin may use of the world outside."""

    http: Transport
    dns: Resolver
    programs: Programs
    clock: Clock
    local: LocalSockets = field(default_factory=UnixSockets)


class DnsProvider(Protocol):
    """Puts TXT records into zones and takes them away again. Made by `(options, ports)`.

    Names are absolute A-labels without a final dot; `zone` is the zone cut as DNS shows it.
    Thin on purpose: finding zones, following aliases, waiting for servers and remembering what
    was written is the solver's work.
    """

    info: ClassVar[PluginInfo]
    # Whether a change touches its own value alone, so that changes of several names of one zone may overlap.
    # A provider that reads, changes and writes back what holds others' values too says False, or nothing.
    record_by_record: ClassVar[bool] = False

    def __init__(self, options: Options, ports: Ports) -> None: ...

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        """Afterwards *value* is among the TXT values of *name*; values already there stay.

        Idempotent. Returns a note that `remove_txt` is given, perhaps by another process.
        Calls for one name come one after another, and those for one zone too unless it is `record_by_record`.
        Raises `provider` or `zone-not-found`.
        """
        ...

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        """Afterwards *value* is not among the TXT values of *name*; others stay.

        Idempotent: a value that is not there is no error. *reference* may be empty.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bundle:
    """One issued certificate, ready to install. `private_key` is PKCS #8 PEM, or None where the
    key never was ours (a CSR from outside). `chain_pem` is the issuers', leaf excluded. One that
    `is_shared` has names of others as well; those that are meant here are `identifiers`."""

    name: str
    identifiers: tuple[Identifier, ...]
    issued_id: int
    leaf_der: bytes
    leaf_pem: str
    chain_pem: str
    private_key: Secret | None
    is_shared: bool = False

    @property
    def fullchain_pem(self) -> str:
        return self.leaf_pem + self.chain_pem


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to see by a handshake what is served: `host` is dialled (every address of it), `server_name` asked for."""

    host: str
    port: int
    server_name: str


class Target(Protocol):
    """A place where certificates are installed. Made by `(options, ports, state)`, where `state` is a
    folder (0700) of this target's own; not made where the class has a `keeps_state(options)` that says no.

    `deploy.apply` calls, inside `exclusive`, in order: `stage`, `check`, `swap`, `reload`, then proves by
    handshakes at `endpoints` and calls `settle`; where `check` or anything later fails, `roll_back` and,
    if it had been swapped, `reload` again. Each may be repeated after a crash with the same bundle or a newer one.
    """

    info: ClassVar[PluginInfo]

    def __init__(self, options: Options, ports: Ports, state: Path) -> None: ...

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Inside, nobody else of ours, in any process, changes what this target shares with others (a
        server's configuration). Waits for its turn; raises `conflict` if that takes too long."""
        ...

    async def stage(self, bundle: Bundle) -> None:
        """Afterwards the new files are complete and durable beside the old ones; nothing uses them."""
        ...

    async def check(self, bundle: Bundle) -> None:
        """Raises `deploy` if what is staged cannot work (wrong path, bad server configuration)."""
        ...

    async def swap(self, bundle: Bundle) -> None:
        """Afterwards key, certificate and chain are the new ones, as one unit, durably. Raises `deploy` where what is
        in place is newer, as `stage` does: a process that stood still must not undo what another one did."""
        ...

    async def reload(self, bundle: Bundle) -> None:
        """Afterwards the server has been asked to use what is in place; raises `deploy` if it
        refused, with its own words. No connection is dropped."""
        ...

    async def roll_back(self, bundle: Bundle) -> None:
        """Afterwards what was settled last is in place again (or nothing, if nothing was)."""
        ...

    async def settle(self, bundle: Bundle) -> None:
        """Afterwards what is in place is what a later `roll_back` returns to; what is older than the last
        few is gone."""
        ...

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        """Where to prove it; empty if this target cannot say (it is then `installed`, not `served`)."""
        ...


class Rehearsal(Protocol):
    """What a target offers beyond `Target` if it can tell before that a certificate could not be installed."""

    async def rehearse(self, bundle: Bundle) -> None:
        """Raises what `stage`, `check` or `swap` would, as far as that can be known while nothing is changed: no file,
        no server, and no program of the user's is started. Nothing is staged, and `exclusive` is not held."""
        ...


class Foresight(Protocol):
    """What a target offers beyond `Target` if its fields alone can tell that nothing will be installed by it."""

    def doubts(self) -> Sequence[EvercertError]:
        """What is wrong with the fields on this machine: a program, a user or a group that is not there, an endpoint
        that is none. Each message begins with the field's name and a colon. Nothing is changed, started or asked."""
        ...


class ChallengeRoute(Protocol):
    """What a target offers beyond `Target` if it runs the server that owns port 80: a way for
    `/.well-known/acme-challenge/` to reach a responder of ours on loopback."""

    async def open_route(self, identifiers: Sequence[Identifier], port: int) -> None:
        """Afterwards the server forwards those names' challenge paths to 127.0.0.1:*port*. Idempotent."""
        ...

    async def close_route(self) -> None:
        """Afterwards its configuration is as it was before `open_route`, whoever opened it. Idempotent."""
        ...


class Solver(Protocol):
    """Puts challenge answers where the CA will look. One instance serves many issuances at once."""

    async def present(self, items: Sequence[Presented], keep: Callable[[Presented], Awaitable[None]]) -> None:
        """Afterwards every item stands where the CA will look.

        The items are durable before this is called. After an outside write whose undoing needs a
        note, `keep` is awaited with the item and its `reference`. Idempotent.
        """
        ...

    async def ready(self, items: Sequence[Presented]) -> None:
        """Afterwards the CA will see them, as far as can be known from here; raises `propagation`."""
        ...

    async def clean_up(self, items: Sequence[Presented]) -> None:
        """Afterwards nothing of the items is left, whichever process had presented them. Idempotent."""
        ...

    async def close(self) -> None: ...
