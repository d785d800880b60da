"""A CA as it lies in its folder, opened: settings, keys, store and network, put together into a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Final

import msgspec

from evercert.base.clock import Clock, SystemClock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.links import PublicLinks
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.node.wiring import Node, open_node
from evercert.ca.profiles.gate import LintGate
from evercert.ca.profiles.known_keys import known_keys
from evercert.ca.profiles.linted import linted_profiles
from evercert.ca.profiles.profile import Profile
from evercert.ca.setup.decisions import Decisions
from evercert.ca.setup.looking import perspectives_of, reach_of
from evercert.ca.setup.settings import CaSettings
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.caa import CaaMode
from evercert.ca.validation.perspectives import Perspectives
from evercert.config.references import is_reference, resolve
from evercert.db.opening import Place, open_database
from evercert.host.files import read_bounded
from evercert.host.locks import FileLock
from evercert.pki.attestation.chain import read_anchors
from evercert.pki.hsm.opening import Tokens
from evercert.pki.seal import Sealer

__all__ = ["FIXED", "OpenCa", "lint_ahead", "master_key_of", "open_ca", "place_of", "sealer_of"]

# What is read once: a change of it takes a restart.
FIXED: Final = ("url", "listen", "plain_listen", "database", "master_key", "metrics", "admin")

_MAX_ROOTS = 4 << 20


@dataclass(frozen=True, slots=True)
class OpenCa:
    """A node and where it came from. `settings` are those that it was opened with."""

    node: Node
    folder: Path
    settings: CaSettings
    environ: Mapping[str, str]
    tokens: Tokens
    clock: Clock

    async def reload(self, settings: CaSettings) -> None:
        """Afterwards the node works by these settings and the issuers that are in the folder now, but for what takes a
        restart (`FIXED`). Raises what is wrong with them, and then nothing has changed."""
        kept = msgspec.structs.replace(settings, **{name: getattr(self.settings, name) for name in FIXED})
        sealer = sealer_of(self.folder, kept, self.environ)
        issuers = await asyncio.to_thread(load_issuers, self.folder, kept.issuers, sealer, self.tokens.load)
        profiles = await _linted(self.folder, kept, issuers, self.clock.now())
        async with AsyncExitStack() as stack:
            looking = perspectives_of(kept, self.folder, self.environ, self.clock)
            perspectives = await stack.enter_async_context(looking)
            decided = _decided(self.folder, kept, perspectives, profiles)
            await self.node.replace(issuers, reach_of(kept), decided, stack.pop_all())


@asynccontextmanager
async def open_ca(
    folder: Path,
    settings: CaSettings,
    environ: Mapping[str, str],
    clock: Clock | None = None,
    meters: Meters = NO_METERS,
) -> AsyncIterator[OpenCa]:
    """The CA, ready to answer; closed afterwards. Raises `conflict` where another node has a store in a file."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        sealer = sealer_of(folder, settings, environ)
        tokens = Tokens(partial(resolve, environ=environ))
        stack.callback(tokens.close)
        # Beside the loop: a token takes its time.
        issuers = await asyncio.to_thread(load_issuers, folder, settings.issuers, sealer, tokens.load)
        profiles = await _linted(folder, settings, issuers, clock.now())
        place = place_of(folder, settings, environ)
        if isinstance(place, Path):
            stack.callback(_held_alone(place).unlock)
        db = await stack.enter_async_context(open_database(place, MIGRATIONS))
        perspectives = await stack.enter_async_context(perspectives_of(settings, folder, environ, clock))
        decided = _decided(folder, settings, perspectives, profiles)
        opening = open_node(
            db,
            sealer,
            load_root(folder),
            issuers,
            reach_of(settings),
            decided,
            clock=clock,
            is_alone=isinstance(place, Path),
            meters=meters,
        )
        node = await stack.enter_async_context(opening)
        yield OpenCa(node, folder, settings, environ, tokens, clock)


async def lint_ahead(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> None:
    """Afterwards what pkilint has to look at before the CA in the folder may sign is seen to, and its next start costs
    no second for that. Raises `bad-input` where pkilint objects, or is not installed."""
    sealer, tokens = sealer_of(folder, settings, environ), Tokens(partial(resolve, environ=environ))
    with closing(tokens):
        issuers = load_issuers(folder, settings.issuers, sealer, tokens.load)
        await _linted(folder, settings, issuers, SystemClock().now())


def _held_alone(store: Path) -> FileLock:
    """Where there is one node, the nonces that were used are in its memory. Commands may use the store meanwhile."""
    lock = FileLock(store.with_suffix(".lock"))
    if not lock.try_lock():
        hint = "end it first; several nodes keep their store in PostgreSQL (`database` in ca.toml)"
        raise EvercertError("conflict", f"another node serves the store {store}", hint=hint)
    return lock


async def _linted(folder: Path, settings: CaSettings, issuers: Issuers, now: datetime) -> Mapping[str, Profile]:
    """The profiles that may sign. Beside the loop: pkilint takes a second for what it has not seen."""
    links = PublicLinks(settings.plain_url.rstrip("/"), settings.status_rules())
    gate = LintGate(lambda issuer, profile: links.leaf_links(issuer, profile, 1), SystemRandom())
    wanted, needed = settings.profiles_in_force(), settings.default_profile
    return await asyncio.to_thread(linted_profiles, gate, folder / "linted.json", wanted, issuers, now, needed=needed)


def _decided(
    folder: Path, settings: CaSettings, perspectives: Perspectives, profiles: Mapping[str, Profile]
) -> Decisions:
    roots: dict[str, bytes] = {
        name: read_bounded(folder / file, _MAX_ROOTS) for name, file in settings.attestation.items()
    }
    return Decisions(
        base_url=settings.base_url,
        plain_url=settings.plain_url.rstrip("/"),
        rules=settings.rules(),
        caa=CaaMode(settings.validation.caa),
        limits=settings.limits_in_force(),
        profiles=profiles,
        known_keys=known_keys(folder / settings.known_keys) if settings.known_keys else None,
        sample_every=settings.sample_every,
        anchors=read_anchors(roots),
        perspectives=perspectives,
        retention=settings.kept(),
        status=settings.status_rules(),
        at_once=(settings.validation.concurrent, settings.validation.per_account),
        pace=settings.pace(),
    )


def sealer_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Sealer:
    """What opens the sealed keys. Raises `not-found` where the master key is not there."""
    return Sealer(master_key_of(folder, settings, environ))


def master_key_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Secret:
    return resolve(settings.master_key or f"file:{(folder / 'master.key').absolute()}", environ)


def place_of(folder: Path, settings: CaSettings, environ: Mapping[str, str]) -> Place:
    """Where the store is: a file in the folder, or PostgreSQL, whose URL may be given by reference."""
    if not settings.database:
        return folder / "ca.db"
    return resolve(settings.database, environ) if is_reference(settings.database) else Secret(settings.database)
