"""A CA as it lies in its folder, opened: settings, keys, store and network, put together into a node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from evercert.base.clock import Clock, SystemClock
from evercert.base.errors import EvercertError
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.node import Node, open_node
from evercert.ca.settings import CaSettings
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.caa import CaaMode
from evercert.ca.validation.claim import Reach
from evercert.config.references import resolve
from evercert.db.sqlite import SqliteDatabase
from evercert.net.validating.network import ValidatingNetwork
from evercert.pki.keys import PrivateKey
from evercert.pki.seal import Sealer

__all__ = ["open_ca", "sealer_of"]


@asynccontextmanager
async def open_ca(
    folder: Path, settings: CaSettings, environ: Mapping[str, str], clock: Clock | None = None
) -> AsyncIterator[Node]:
    """The node, ready to answer; closed afterwards."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as closing:
        sealer = sealer_of(folder, settings, environ)
        issuers = load_issuers(folder, settings.issuers, sealer, _token)
        db = await SqliteDatabase.open(folder / "ca.db", MIGRATIONS)
        closing.push_async_callback(db.close)
        validation = settings.validation
        reach = Reach(
            ValidatingNetwork(validation.resolvers),
            settings.network_policy(),
            http_port=validation.http_port,
            tls_port=validation.tls_port,
        )
        node = await closing.enter_async_context(
            open_node(
                db,
                sealer,
                load_root(folder),
                issuers,
                reach,
                settings.base_url,
                rules=settings.rules(),
                caa=CaaMode(validation.caa),
                limits=settings.limits_in_force(),
                clock=clock,
            )
        )
        yield node


def sealer_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Sealer:
    """What opens the sealed keys. Raises `not-found` where the master key is not there."""
    return Sealer(resolve(settings.master_key or f"file:{(folder / 'master.key').absolute()}", environ))


def _token(uri: str) -> PrivateKey:
    raise EvercertError("bad-input", "keys in tokens are not opened here yet", hint=uri[:0])
