"""Reading the store for a command, without opening the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.host.files import make_private_dir
from evercert.model.fact import CertificateFact
from evercert.store import certificates, declared, hooks, incidents, leases, views
from evercert.store.opening import open_store

__all__ = ["existing", "looking", "nothing_due", "reading"]


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Database]:
    """The store alone: no network, no keys."""
    make_private_dir(settings.home)
    async with open_store(settings.store) as db:
        yield db


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Database]:
    """The same to look at, or an empty one where there is none: none is made."""
    place = settings.store
    if not isinstance(place, Path) or place.exists():
        async with open_store(place) as db:
            yield db
        return
    with TemporaryDirectory(prefix="evercert-") as folder:
        async with open_store(Path(folder) / "evercert.db") as db:
            yield db


async def existing(db: Database, name: str) -> CertificateFact:
    """The certificate of that name; raises `not-found` with the nearest name there is."""
    fact = await certificates.fact(db, name)
    if fact is None:
        if merged := [each for each, intent in (await declared.merged(db)).items() if name in intent.terms.members]:
            words = f"it has no certificate of its own: it is part of {merged[0]}"
            raise EvercertError("not-found", words, name=name, hint=f"see `evercert show {merged[0]}`")
        lines = await views.listed(db, SystemClock().now())
        near = get_close_matches(name, [line.name for line in lines], 1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else "see `evercert list`"
        raise EvercertError("not-found", "there is no certificate of that name", name=name, hint=hint)
    return fact


async def nothing_due(output: Output, settings: Settings, *, nor_to_tell: bool = False) -> bool:
    """Whether nothing is due now, nor an incident open (*nor_to_tell*: and no hook either is to be told of anything);
    says so, and when something will be. Costs an indexed question or two."""
    from evercert.cli.display import when

    now = SystemClock().now()
    async with reading(settings) as db:
        moment = await certificates.next_action_at(db)
        tells = nor_to_tell and any(standing.is_due(now) for standing in await hooks.all_hooks(db))
        replaces = bool(await incidents.open_ones(db))
        # What somebody works on is not due; whether he has died meanwhile, the engine finds out.
        leased = bool(await leases.owners(db))
    if tells or replaces or leased or (moment is not None and moment <= now):
        return False
    next_words = f"; next at {when(moment)}" if moment else ""
    output.result({"due": 0, "next": moment}, f"nothing is due{next_words}")
    return True
