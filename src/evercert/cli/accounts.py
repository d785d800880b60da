"""What `account` and its subcommands do once their options are read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evercert.acme.cas import find_ca
from evercert.base.errors import EvercertError
from evercert.cli.output import Output
from evercert.cli.store import reading
from evercert.config.settings import Settings
from evercert.engine.rollover import roll_over
from evercert.engine.wiring import Engine, open_engine
from evercert.host.files import read_bounded, write_durably
from evercert.model.fact import Account, AccountStatus
from evercert.pki.keys import load_pem
from evercert.store import accounts, keys

__all__ = ["Named", "confirm", "deactivate", "export_key", "import_key", "named", "rollover", "show", "update"]

_MAX_KEY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Named:
    """Which account is meant: the CA's directory URL and our name for the account."""

    ca: str
    account: str


def named(settings: Settings, ca: str | None, account: str) -> Named:
    return Named(find_ca(ca or settings.ca), account)


def confirm(yes: bool, question: str) -> None:
    """Ask at a terminal; without one only `--yes` goes on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at; say --yes")
    click.confirm(question, abort=True)


async def show(output: Output, settings: Settings) -> int:
    async with reading(settings) as db:
        known = await accounts.listed(db)
    if not known and not output.json:
        output.note("no accounts; one is made with the first certificate")
        return 0
    rows = [(each.name, each.status.value, each.ca, each.url or "-", ", ".join(each.contacts) or "-") for each in known]
    output.table(known, ("ACCOUNT", "STATUS", "CA", "URL", "CONTACTS"), rows)
    return 0


async def update(output: Output, settings: Settings, which: Named, contacts: Sequence[str]) -> int:
    urls = tuple(f"mailto:{mail.removeprefix('mailto:')}" for mail in contacts)
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        client = (await engine.accounts.registered(which.ca, which.account)).client
        await client.update_account(urls)
        await accounts.set_contacts(engine.db, account, urls, now=engine.clock.now())
    output.result({"contacts": urls}, f"contacts at {which.ca}: {', '.join(urls) or 'none'}")
    return 0


async def rollover(output: Output, settings: Settings, which: Named) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        await roll_over(engine.db, engine.sealer, engine.accounts, account, engine.clock)
    output.result({"rolled_over": account.url}, f"{account.url}: the account has a new key")
    return 0


async def deactivate(output: Output, settings: Settings, which: Named) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        client = (await engine.accounts.registered(which.ca, which.account)).client
        await client.deactivate_account()
        await accounts.end(engine.db, account, AccountStatus.DEACTIVATED, now=engine.clock.now())
    output.result({"deactivated": account.url}, f"{account.url}: deactivated")
    return 0


async def import_key(output: Output, settings: Settings, which: Named, path: str) -> int:
    key = load_pem(read_bounded(Path(path), _MAX_KEY))
    async with open_engine(settings, output.progress) as engine:
        client = await engine.accounts.connect(which.ca, key)
        known = await client.new_account(only_return_existing=True)
        now = engine.clock.now()
        key_id = await keys.add(engine.db, engine.sealer, key, "account", now)
        await accounts.add(engine.db, which.ca, which.account, key_id, now=now, url=known.url, contacts=known.contact)
    output.result({"imported": known.url}, f"{known.url}: taken over as account {which.account}")
    return 0


async def export_key(output: Output, settings: Settings, which: Named, path: str) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        key = await keys.load(engine.db, engine.sealer, account.key_id)
    write_durably(Path(path), key.to_pem().reveal(), 0o600)
    output.result({"exported": path}, f"{path}: the private key of {account.url or which.account}")
    output.warn("whoever has this file is the account; keep it as you would a password")
    return 0


async def _existing(engine: Engine, which: Named) -> Account:
    account = await accounts.find(engine.db, which.ca, which.account)
    if account is None:
        raise EvercertError(
            "not-found",
            f"there is no account {which.account!r}",
            ca=which.ca,
            hint="see `evercert account show`; name its CA with --ca",
        )
    return account
