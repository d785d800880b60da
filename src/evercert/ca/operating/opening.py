"""The office of a CA in its folder, opened beside whatever serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

from evercert.base.clock import SystemClock
from evercert.ca.node.opening import place_of, sealer_of
from evercert.ca.operating.office import Office
from evercert.ca.profiles.reading import profiles_from
from evercert.ca.revoking import Revoking
from evercert.ca.setup.settings import load_ca_settings
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.opening import open_database

__all__ = ["open_office"]


@asynccontextmanager
async def open_office(folder: Path, environ: Mapping[str, str], who: str) -> AsyncIterator[Office]:
    """Needs no issuer's key, and no server that runs. Raises what the settings and the store raise."""
    settings, clock = load_ca_settings(folder / "ca.toml"), SystemClock()
    profiles = profiles_from(settings.profiles, str(folder / "ca.toml"))
    sealer = sealer_of(folder, settings, environ)
    async with open_database(place_of(folder, settings, environ), MIGRATIONS) as db:
        yield Office(db, clock, SystemRandom(), sealer, profiles, Revoking(db, clock), who, settings.limits_in_force())
