"""A CA as it lies in its folder, opened: settings, keys, store and network, put together into a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from evercert.base.clock import Clock, SystemClock
from evercert.base.secret import Secret
from evercert.ca.decisions import Decisions
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.looking import perspectives_of, reach_of
from evercert.ca.node import Node, open_node
from evercert.ca.settings import CaSettings
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.caa import CaaMode
from evercert.ca.validation.perspectives import Perspectives
from evercert.config.references import is_reference, resolve
from evercert.db.opening import Place, open_database
from evercert.host.files import read_bounded
from evercert.pki.attestation.chain import read_anchors
from evercert.pki.hsm.opening import Tokens
from evercert.pki.seal import Sealer

__all__ = ["open_ca", "place_of", "sealer_of"]

_MAX_ROOTS = 4 << 20


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
        perspectives = await closing.enter_async_context(perspectives_of(settings, folder, environ, clock))
        yield await closing.enter_async_context(
            open_node(
                db,
                sealer,
                load_root(folder),
                issuers,
                reach_of(settings),
                _decided(folder, settings, perspectives),
                clock=clock,
                is_alone=isinstance(place, Path),
            )
        )


def _decided(folder: Path, settings: CaSettings, perspectives: Perspectives) -> Decisions:
    roots: dict[str, bytes] = {
        name: read_bounded(folder / file, _MAX_ROOTS) for name, file in settings.attestation.items()
    }
    return Decisions(
        base_url=settings.base_url,
        plain_url=settings.plain_url.rstrip("/"),
        rules=settings.rules(),
        caa=CaaMode(settings.validation.caa),
        limits=settings.limits_in_force(),
        profiles=settings.profiles_in_force(),
        anchors=read_anchors(roots),
        perspectives=perspectives,
        at_once=(settings.validation.concurrent, settings.validation.per_account),
    )


def sealer_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Sealer:
    """What opens the sealed keys. Raises `not-found` where the master key is not there."""
    return Sealer(resolve(settings.master_key or f"file:{(folder / 'master.key').absolute()}", environ))


def place_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Place:
    """Where the store is: a file in the folder, or PostgreSQL, whose URL may be given by reference."""
    if not settings.database:
        return folder / "ca.db"
    return resolve(settings.database, environ) if is_reference(settings.database) else Secret(settings.database)
