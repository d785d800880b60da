"""What all targets share whose server reads its certificate from files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from evercert.base.apart import apart
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.deploy.fields import access_of, endpoints_of, places_of, root_of
from evercert.deploy.generations import Generations
from evercert.deploy.rehearsing import demand_writable, doubts_of
from evercert.host.files import find_owner
from evercert.plugins.contracts import Bundle, Completed, Endpoint, Ports
from evercert.plugins.info import Options

__all__ = ["FiledTarget", "demand_success"]

# By certificate and target, there for as long as somebody holds one or waits for it.
_turns: Final[WeakValueDictionary[Path, asyncio.Lock]] = WeakValueDictionary()


class FiledTarget:
    """Keeps the contract of `Target` but for `check` and `reload`, with generations of files.

    Its options have the fields of `deploy.fields`. A subclass that changes more than files
    extends `swap`, `roll_back` and `settle`.
    """

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        self._options = options
        self._ports = ports
        self._state = state
        self._root = root_of(options, state)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Nothing is shared but with ourselves: a certificate has generations of its own. A process that has lost its
        lease may still be at them; each of their steps looks after that itself."""
        async with _turns.setdefault(self._state, asyncio.Lock()):
            yield

    async def stage(self, bundle: Bundle) -> None:
        await apart(self._generations(bundle).stage, bundle, self._ports.clock.now())

    async def swap(self, bundle: Bundle) -> None:
        await apart(self._generations(bundle).swap, bundle)

    async def roll_back(self, bundle: Bundle) -> None:
        await apart(self._generations(bundle).roll_back, bundle)

    async def settle(self, bundle: Bundle) -> None:
        await apart(self._generations(bundle).settle)

    async def rehearse(self, bundle: Bundle) -> None:
        """As promised in `Rehearsal`. A subclass that demands more in `check`, or changes more, extends it."""
        for folder in self._generations(bundle).folders:
            demand_writable(folder)

    def doubts(self) -> list[EvercertError]:
        """As promised in `Foresight`: the fields that all have. A subclass that runs programs extends it."""
        owner, group = self._options["owner"], self._options["group"]
        return doubts_of(
            endpoint=partial(places_of, self._options),
            owner=partial(find_owner, owner, ""),
            group=partial(find_owner, "", group),
        )

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        return endpoints_of(self._options, bundle)

    def _generations(self, bundle: Bundle) -> Generations:
        return Generations(self._root, bundle.name, access_of(self._options))


def demand_success(completed: Completed, program: str, hint: str = "") -> None:
    """Raises `deploy` with the program's own words if it failed."""
    if completed.status:
        words = one_line(completed.output) or "it said nothing"
        raise EvercertError("deploy", f"{program} ended with status {completed.status}: {words}", hint=hint)
