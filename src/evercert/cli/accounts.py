"""What `account` and its subcommands do once their options are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from evercert.acme import wire
from evercert.acme.cas import find_ca
from evercert.acme.client import AsyncClient
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.cli.output import Output
from evercert.cli.store import reading
from evercert.config.declaration.ca_names import ca_called
from evercert.config.settings import Settings
from evercert.engine.accounts import Registered
from evercert.engine.rollover import roll_over
from evercert.engine.wiring import Engine, open_engine
from evercert.host.files import read_bounded, write_durably
from evercert.model.fact import Account, AccountStatus
from evercert.model.terms import CaChoice
from evercert.pki.key_type import KeyType
from evercert.pki.keys import load_pem
from evercert.store import accounts, cas, keys

__all__ = ["Named", "deactivate", "export_key", "import_key", "named", "rollover", "show", "update"]

_MAX_KEY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Named:
    """Which account is meant: our name for it, and the CA's directory URL if that was said."""

    account: str
    ca: str = ""


def named(output: Output, settings: Settings, ca: str | None, account: str | None) -> Named:
    """The account that was said, else the one of that `[cas.*]`, else the usual one."""
    choice = ca_called(ca, settings, output.warn) if ca else CaChoice("")
    return Named(choice.account if account is None else account, choice.directory)


async def show(output: Output, settings: Settings) -> int:
    async with reading(settings) as db:
        known = await accounts.listed(db)
    if not known and not output.json:
        output.note("no accounts; one is made with the first certificate")
        return 0
    rows = [(each.name, _state(each), each.ca, each.url or "-", ", ".join(each.contacts) or "-") for each in known]
    output.table(known, ("ACCOUNT", "STATUS", "CA", "URL", "CONTACTS"), rows)
    return 0


def _state(account: Account) -> str:
    """What the CA was last known to think of it, which is nothing before it has told the account's URL."""
    return account.status.value if account.url else "not registered"


async def update(output: Output, settings: Settings, which: Named, contacts: Sequence[str]) -> int:
    urls = tuple(f"mailto:{mail.removeprefix('mailto:')}" for mail in contacts)
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        registered = await engine.accounts.registered(account.ca, account.name)
        async with engine.accounts.asking(registered) as client:
            await client.update_account(urls)
        await accounts.set_contacts(engine.db, account, urls, now=engine.clock.now())
    output.result({"contacts": urls}, f"contacts at {account.ca}: {', '.join(urls) or 'none'}")
    return 0


async def rollover(output: Output, settings: Settings, which: Named, key_type: str) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        await roll_over(engine.db, engine.sealer, engine.accounts, account, engine.clock, KeyType(key_type))
    output.result({"rolled_over": account.url}, f"{account.url}: the account has a new key")
    return 0


async def deactivate(output: Output, settings: Settings, which: Named) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        await _end(engine, await engine.accounts.registered(account.ca, account.name))
    output.result({"deactivated": account.url}, f"{account.url}: deactivated")
    return 0


async def _end(engine: Engine, registered: Registered) -> None:
    """Afterwards it is deactivated, here and at the CA; if it was so before, nobody minds."""
    try:
        await registered.client.deactivate_account()
    except Problem as problem:
        told = await engine.accounts.judged(registered, problem)
        if told is problem:
            raise
    else:
        await accounts.end(engine.db, registered.account, AccountStatus.DEACTIVATED, now=engine.clock.now())


async def import_key(
    output: Output, settings: Settings, which: Named, path: str, *, roots: str | None, allow_http: bool
) -> int:
    key, ca = load_pem(read_bounded(Path(path), _MAX_KEY)), which.ca or find_ca(settings.ca)
    async with open_engine(settings, output.progress) as engine:
        access = await cas.access(engine.db, ca)
        access = replace(access, roots=roots or access.roots, allow_http=allow_http or access.allow_http)
        if await accounts.find(engine.db, ca, which.account):
            hint = "choose a name for the other one with --account"
            raise EvercertError("exists", f"there is an account {which.account!r} already", ca=ca, hint=hint)
        await cas.configure(engine.db, access)
        known = await _known_by(await engine.accounts.connect(ca, key), ca)
        now = engine.clock.now()
        key_id = await keys.add(engine.db, engine.sealer, key, "account", now)
        await accounts.add(engine.db, ca, which.account, key_id, now=now, url=known.url, contacts=known.contact)
    output.result({"imported": known.url}, f"{known.url}: taken over as account {which.account}")
    return 0


async def _known_by(client: AsyncClient, ca: str) -> wire.Account:
    try:
        return await client.new_account(only_return_existing=True)
    except Problem as problem:
        if problem.type is not ProblemType.ACCOUNT_DOES_NOT_EXIST:
            raise
        hint = "is it the key of an account (not of a certificate), and of this CA? name another with --ca"
        raise EvercertError("not-found", "the CA has no account with this key", ca=ca, hint=hint) from problem


async def export_key(output: Output, settings: Settings, which: Named, path: str) -> int:
    async with open_engine(settings, output.progress) as engine:
        account = await _existing(engine, which)
        key = await keys.load(engine.db, engine.sealer, account.key_id)
    write_durably(Path(path), key.to_pem().reveal(), 0o600)
    output.result({"exported": path}, f"{path}: the private key of {account.url or which.account}")
    output.warn("whoever has this file is the account; keep it as you would a password")
    return 0


async def _existing(engine: Engine, which: Named) -> Account:
    """The account that is meant; without a CA, the one at the usual CA, else the only one of that name. One that no CA
    knows yet is meant where there is no other."""
    usual = which.ca or find_ca(engine.settings.ca)
    account = await accounts.find(engine.db, usual, which.account)
    if account and (which.ca or account.url):
        return account
    known = [each for each in await accounts.listed(engine.db) if each.status is AccountStatus.VALID]
    ours = [each for each in known if each.name == which.account]
    meant = [each for each in ours if each.url] or ours
    if not which.ca and len(meant) == 1:
        return meant[0]
    if account:
        return account
    places = ", ".join(f"--ca {each.ca} --account {each.name}" for each in known[:5])
    hint = f"there is {places}" if places else "an account is made with the first certificate"
    raise EvercertError("not-found", f"there is no account {which.account!r}", ca=usual, hint=hint)
