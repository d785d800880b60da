"""What a shell offers after Tab where a word of ours is wanted; never an error, because nobody would see it."""

from __future__ import annotations

from contextlib import suppress

import click

__all__ = ["certificate_names", "deploy_targets", "dns_providers", "event_kinds", "hook_names", "known_cas"]


def certificate_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The certificates that there are; the store is read, and not made if there is none."""
    import asyncio

    with suppress(Exception):
        return [name for name in asyncio.run(_names(ctx.params.get("home"))) if name.startswith(incomplete)]
    return []


def known_cas(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from evercert.acme.cas import KNOWN_CAS

    return [ca.id for ca in KNOWN_CAS if ca.id.startswith(incomplete)]


def event_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from evercert.model.event import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def hook_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The hooks that there are; as `certificate_names`."""
    import asyncio

    with suppress(Exception):
        return [name for name in asyncio.run(_hooks(ctx.params.get("home"))) if name.startswith(incomplete)]
    return []


def dns_providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from evercert.plugins import registry

    return [name for name in registry.dns_providers() if name.startswith(incomplete)]


def deploy_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from evercert.plugins import registry

    return [name for name in registry.deploy_targets() if name.startswith(incomplete)]


async def _names(home: str | None) -> list[str]:
    from pathlib import Path

    from evercert.base.clock import SystemClock
    from evercert.config.settings import load_settings
    from evercert.store import views
    from evercert.store.opening import open_store

    store = load_settings(home=home).store
    if isinstance(store, Path) and not store.exists():
        return []
    async with open_store(store) as db:
        return [line.name for line in await views.listed(db, SystemClock().now())]


async def _hooks(home: str | None) -> list[str]:
    from pathlib import Path

    from evercert.config.settings import load_settings
    from evercert.store import hooks
    from evercert.store.opening import open_store

    store = load_settings(home=home).store
    if isinstance(store, Path) and not store.exists():
        return []
    async with open_store(store) as db:
        return [standing.hook.name for standing in await hooks.all_hooks(db)]
