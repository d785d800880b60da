"""A CA as it lies in its folder, opened: settings, keys, store and network, put together into a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from evercert.base.clock import Clock, SystemClock
from evercert.base.secret import Secret
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.node import Node, open_node
from evercert.ca.settings import CaSettings
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.caa import CaaMode
from evercert.ca.validation.claim import Reach
from evercert.config.references import is_reference, resolve
from evercert.db.opening import Place, open_database
from evercert.net.validating.network import ValidatingNetwork
from evercert.pki.hsm.opening import Tokens
from evercert.pki.seal import Sealer

__all__ = ["open_ca", "place_of", "sealer_of"]


@asynccontextmanager
async def open_ca(
    folder: Path, settings: CaSettings, environ: Mapping[str, str], clock: Clock | None = None
) -> AsyncIterator[Node]:
    """The node, ready to answer; closed afterwards."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as closing:
        sealer = sealer_of(folder, settings, environ)
        tokens = Tokens(partial(resolve, environ=environ))
        closing.callback(tokens.close)
        # Beside the loop: a token takes its time.
        issuers = await asyncio.to_thread(load_issuers, folder, settings.issuers, sealer, tokens.load)
        place = place_of(folder, settings, environ)
        db = await closing.enter_async_context(open_database(place, MIGRATIONS))
        validation = settings.validation
        reach = Reach(
            ValidatingNetwork(validation.resolvers),
            settings.network_policy(),
            http_port=validation.http_port,
            tls_port=validation.tls_port,
        )
        yield await closing.enter_async_context(
            open_node(
                db,
                sealer,
                load_root(folder),
                issuers,
                reach,
                settings.base_url,
                rules=settings.rules(),
                limits=settings.limits_in_force(),
                caa=CaaMode(validation.caa),
                clock=clock,
                is_alone=isinstance(place, Path),
            )
        )


def sealer_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Sealer:
    """What opens the sealed keys. Raises `not-found` where the master key is not there."""
    return Sealer(resolve(settings.master_key or f"file:{(folder / 'master.key').absolute()}", environ))


def place_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Place:
    """Where the store is: a file in the folder, or PostgreSQL, whose URL may be given by reference."""
    if not settings.database:
        return folder / "ca.db"
    return resolve(settings.database, environ) if is_reference(settings.database) else Secret(settings.database)
