"""What `import` does once its options are read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from evercert.acme.cas import KNOWN_CAS
from evercert.base.foreign import one_line
from evercert.cli.output import Output
from evercert.cli.wanted import targets_of
from evercert.config.settings import Settings
from evercert.engine.wiring import Engine, open_engine
from evercert.migrate.imported import Imported, ImportedAccount, ImportedCertificate
from evercert.migrate.recognize import read_client
from evercert.model.terms import CaChoice
from evercert.pki.cert import read_certificate
from evercert.store import accounts, cas, certificates, issued, keys

__all__ = ["Taking", "import_folder"]

_REMARK = 400
_NEXT = "next: `evercert list`, then `evercert renew`; take the old client's timer away when you are content"


class _Taken(msgspec.Struct):
    """What became of a folder, for people and scripts."""

    client: str
    certificates: list[str] = []
    accounts: list[str] = []
    remarks: list[str] = []


@dataclass(frozen=True, slots=True)
class Taking:
    """What was asked of `import`: *ca* and *roots* are for what the folder does not tell, and may be empty; what is
    of that CA is by the account that it names, as far as that is free."""

    client: str
    folder: Path
    ca: CaChoice
    roots: str
    dry_run: bool

    def account(self, ca: str) -> str:
        """Our usual name for an account at that CA."""
        return self.ca.account if ca == self.ca.directory else CaChoice(ca).account


async def import_folder(output: Output, settings: Settings, asked: Taking) -> int:
    """Afterwards what is usable in the folder is ours too, and every remark was told. May be repeated."""
    found = _placed(await asyncio.to_thread(read_client, asked.folder, asked.client), asked.ca.directory)
    taken = _Taken(found.client, remarks=list(found.remarks))
    if asked.dry_run:
        taken.certificates = [each.name for each in found.certificates]
        taken.accounts = [each.url or each.ca for each in found.accounts]
    else:
        async with open_engine(settings, output.progress) as engine:
            if asked.roots:
                await _trust(engine, found, asked.roots)
            await _take(engine, found, asked, taken)
    for remark in taken.remarks:
        output.warn(one_line(remark, _REMARK))
    did = "would take over" if asked.dry_run else "took over"
    output.result(
        taken,
        f"{did} {_counted(taken.certificates, 'certificate')} and {_counted(taken.accounts, 'account')} "
        f"from {found.client}",
        *([_NEXT] if taken.certificates or taken.accounts else []),
    )
    return 0


def _counted(what: Sequence[str], called: str) -> str:
    return f"{len(what)} {called}" if len(what) == 1 else f"{len(what)} {called}s"


def _placed(found: Imported, place: str) -> Imported:
    """What was found, each of its CA: *place* where the folder does not tell which. Without one that is left out, and a
    remark says so: another CA than the right one would be asked to renew it, and shown an account that it has not."""
    left_out = "its CA is not recorded, and it was left out: say which with --ca URL"
    homeless = [each.name for each in found.certificates if not (each.ca or place)]
    homeless += [f"account {each.url}" for each in found.accounts if not (each.ca or place)]
    return replace(
        found,
        certificates=tuple(replace(each, ca=each.ca or place) for each in found.certificates if each.ca or place),
        accounts=tuple(replace(each, ca=each.ca or place) for each in found.accounts if each.ca or place),
        remarks=(*found.remarks, *(f"{each}: {left_out}" for each in homeless)),
    )


async def _trust(engine: Engine, found: Imported, roots: str) -> None:
    """A public CA's trust is the machine's to say; the roots are for CAs of one's own."""
    public = {url for ca in KNOWN_CAS for url in (ca.directory, ca.staging)}
    named = {each.ca for each in found.accounts} | {each.ca for each in found.certificates}
    for directory in named - public:
        access = await cas.access(engine.db, directory)
        await cas.configure(engine.db, msgspec.structs.replace(access, roots=roots))


async def _take(engine: Engine, found: Imported, asked: Taking, taken: _Taken) -> None:
    names: dict[tuple[str, str], str] = {}
    for account in found.accounts:
        names[account.ca, account.url] = await _take_account(engine, account, asked.account(account.ca), taken)
    for certificate in found.certificates:
        account_name = names.get((certificate.ca, certificate.account_url), asked.account(certificate.ca))
        await _take_certificate(engine, certificate, account_name, taken)


async def _take_account(engine: Engine, account: ImportedAccount, usual: str, taken: _Taken) -> str:
    """Our name for the account: the *usual* one if that is free, else one with a number."""
    ca = account.ca
    ours = [each for each in await accounts.listed(engine.db) if each.ca == ca]
    known = next((each for each in ours if account.url and each.url == account.url), None)
    if known is not None:
        taken.remarks.append(f"account {account.url}: was here already, as {known.name}")
        return known.name
    in_use = {each.name for each in ours}
    name = next(each for each in (usual, *(f"imported-{n}" for n in range(1, 10_000))) if each not in in_use)
    now = engine.clock.now()
    key_id = await keys.add(engine.db, engine.sealer, account.key, "account", now)
    await accounts.add(engine.db, ca, name, key_id, now=now, url=account.url, contacts=account.contacts)
    taken.accounts.append(account.url or f"{name} at {ca}")
    return name


async def _take_certificate(engine: Engine, certificate: ImportedCertificate, account: str, taken: _Taken) -> None:
    if await certificates.fact(engine.db, certificate.name) is not None:
        taken.remarks.append(f"{certificate.name}: a certificate of that name is here already, and was left as it is")
        return
    now = engine.clock.now()
    intent = certificate.intent(account=account)
    intent = msgspec.structs.replace(intent, targets=targets_of(("files",), (), engine.settings.home))
    await certificates.declare(engine.db, intent, now)
    if certificate.key is not None and certificate.chain:
        key_id = await keys.add(engine.db, engine.sealer, certificate.key, "certificate", now)
        view = read_certificate(certificate.chain[0])
        await issued.keep(engine.db, certificate.name, certificate.chain, view, key_id, now=now)
    taken.certificates.append(certificate.name)
    taken.remarks += [f"{certificate.name}: {note}" for note in certificate.notes]
