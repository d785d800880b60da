"""What targets share that also change their server's configuration, and offer a way to port 80."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.message import Request
from evercert.base.names import Identifier
from evercert.deploy.edits import Edit, Journal
from evercert.deploy.fields import DIR_FIELD, ENDPOINT_FIELD, endpoints_of
from evercert.deploy.filed import FiledTarget
from evercert.deploy.rehearsing import demand_runnable, demand_writable, doubts_of
from evercert.deploy.turn import turn
from evercert.plugins.contracts import Bundle, Endpoint, Ports
from evercert.plugins.info import Field, Options

__all__ = ["CONFIGURED_FIELDS", "ConfiguredTarget", "Plan", "Sight"]

CONFIGURED_FIELDS = (
    Field("edit", "no: the configuration names the files already, and is left alone", default="yes"),
    Field("http_port", "the port that the CA's port 80 leads to", default="80"),
    Field("https_port", "the port that clients' port 443 leads to", default="443"),
    DIR_FIELD,
    ENDPOINT_FIELD,
    Field("owner", "user that owns the files"),
    Field("group", "group that may read the key"),
)

# After the first new worker answers, old ones still take connections for a moment (nginx sleeps
# 100 ms before it tells them to quit): several answers in a row, so far apart, are the end of it.
_ANSWERS, _APART = 4, 0.1
_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Edits, and the texts that they were made for."""

    texts: Mapping[Path, str]
    edits: Sequence[Edit]


@dataclass(frozen=True, slots=True)
class Sight:
    """Where to look whether a route is in use: an address of this machine, and a name to ask for."""

    address: str
    port: int
    name: str

    @property
    def authority(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class ConfiguredTarget(FiledTarget, ABC):
    """Keeps the contracts of `Target` and `ChallengeRoute`, given what one server's own files say.

    Journals are kept in `state`: `edits.json` from a swap until it is settled, `route.json` while a
    route is open. So whatever a dead process had changed is taken back by the next one.
    """

    server: str
    ready_status: int

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        super().__init__(options, ports, state)
        self._http, self._https = options.number("http_port"), options.number("https_port")
        self._edits = Journal(state / "edits.json")
        self._route = Journal(state / "route.json")
        # Tells this target's lines in the user's files from those of others of ours.
        self._route_owner = sha256(str(state).encode()).hexdigest()[:12]

    @abstractmethod
    async def _folder(self) -> Path:
        """The configuration's folder: whoever changes something in it waits for its turn there."""

    @abstractmethod
    async def _test(self, what: str) -> None:
        """Raises `deploy`, with *what* and the server's words, if it refuses its configuration."""

    @abstractmethod
    async def _reload(self) -> None:
        """Afterwards the server was told to read its configuration again; raises `deploy` if it does not run."""

    @abstractmethod
    async def _certificate_plan(self, bundle: Bundle, certificate: Path, key: Path) -> Plan: ...

    @abstractmethod
    async def _found_endpoints(self, bundle: Bundle) -> Sequence[Endpoint]: ...

    @abstractmethod
    async def _route_plan(self, identifiers: Sequence[Identifier], port: int) -> Plan: ...

    @abstractmethod
    async def _route_sights(self, identifiers: Sequence[Identifier]) -> tuple[str, Sequence[Sight]]:
        """A path that the server itself answers with `ready_status` while our route is in use, and where to ask."""

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = {self._root.resolve(), (await self._folder()).resolve()}
        async with AsyncExitStack() as held:
            # Always in the same order, so that two targets never wait for each other.
            for folder in sorted(folders):
                await held.enter_async_context(turn(folder, self._ports.clock))
            yield

    async def stage(self, bundle: Bundle) -> None:
        # What a dead process had changed was never proved: begin from what the user had.
        self._edits.undo()
        await super().stage(bundle)

    async def check(self, bundle: Bundle) -> None:
        if bundle.private_key is None:
            raise EvercertError("deploy", f"{self.server} needs the private key, and this certificate's is elsewhere")
        await self._test(f"{self.server}'s configuration was broken before anything was changed")
        endpoints_of(self._options, bundle)
        if self._options.flag("edit"):
            await self._plan(bundle)

    async def rehearse(self, bundle: Bundle) -> None:
        await super().rehearse(bundle)
        await self.check(bundle)
        if self._options.flag("edit"):
            for path in {edit.path for edit in (await self._plan(bundle)).edits}:
                demand_writable(path.parent)

    def doubts(self) -> list[EvercertError]:
        binary = self._options["binary"]
        return [*super().doubts(), *doubts_of(binary=lambda: demand_runnable([binary] if binary else []))]

    async def swap(self, bundle: Bundle) -> None:
        await super().swap(bundle)
        if self._options.flag("edit"):
            plan = await self._plan(bundle)
            self._edits.write(plan.texts, plan.edits)

    async def reload(self, bundle: Bundle) -> None:
        await self._test(f"{self.server} refuses the configuration")
        await self._reload()

    async def roll_back(self, bundle: Bundle) -> None:
        self._edits.undo()
        await super().roll_back(bundle)

    async def settle(self, bundle: Bundle) -> None:
        self._edits.forget()
        await super().settle(bundle)

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        return endpoints_of(self._options, bundle) or list(dict.fromkeys(await self._found_endpoints(bundle)))

    async def open_route(self, identifiers: Sequence[Identifier], port: int) -> None:
        """As promised in `ChallengeRoute`, and in use when it returns; raises `deploy` if the server refuses it."""
        async with turn(await self._folder(), self._ports.clock):
            if not self._route.mentions(f"http://127.0.0.1:{port}/"):
                # Opened by a process that is dead, to a responder that is gone.
                self._route.undo()
            await self._test(f"{self.server}'s configuration was broken before anything was changed")
            plan = await self._route_plan(identifiers, port)
            self._route.write(plan.texts, plan.edits)
            try:
                if plan.edits or not await self._is_in_use(identifiers):
                    await self._test(f"{self.server} refuses the way for challenges")
                    await self._reload()
                    await self._wait_for_route(identifiers)
            except BaseException:
                self._route.undo()
                raise

    async def close_route(self) -> None:
        """A server that was stopped meanwhile is no failure: the files are as they shall be."""
        if not self._route.is_open():
            self._route.forget()
            return
        async with turn(await self._folder(), self._ports.clock):
            self._route.undo()
            try:
                await self._reload()
            except EvercertError as error:
                if error.code.name != "deploy":
                    raise

    async def _plan(self, bundle: Bundle) -> Plan:
        live = self._generations(bundle).live
        return await self._certificate_plan(bundle, live / "fullchain.pem", live / "privkey.pem")

    async def _is_in_use(self, identifiers: Sequence[Identifier]) -> bool:
        path, sights = await self._route_sights(identifiers)
        return all([await self._answers(sight, path) for sight in sights])

    async def _wait_for_route(self, identifiers: Sequence[Identifier]) -> None:
        path, sights = await self._route_sights(identifiers)
        until = self._ports.clock.monotonic() + _PATIENCE
        for sight in {each.authority: each for each in sights}.values():
            answered = 0
            while answered < _ANSWERS:
                answered = answered + 1 if await self._answers(sight, path) else 0
                if self._ports.clock.monotonic() >= until:
                    hint = "look into its error log; does another program have the port?"
                    raise EvercertError(
                        "deploy", f"{self.server} does not answer challenges at {sight.authority}", hint=hint
                    )
                await self._ports.clock.sleep(_APART)

    async def _answers(self, sight: Sight, path: str) -> bool:
        # A connection that is kept alive would show the same worker again and again.
        headers = {"Host": sight.name, "Connection": "close"}
        try:
            answer = await self._ports.http.send(Request("GET", f"http://{sight.authority}{path}", headers))
        except EvercertError:
            return False
        return answer.status == self.ready_status
