"""What is declared rightly and will most likely fail, as far as that is known without asking anybody outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec

from evercert.acme.cas import KNOWN_CAS
from evercert.config.declaration.declared import Declaration
from evercert.config.declaration.faults import Fault
from evercert.config.declaration.origin import Origin
from evercert.db.protocol import Database
from evercert.engine.asking.choosing import cas_of
from evercert.engine.declaring.applying import Comparison
from evercert.engine.declaring.checking import placed
from evercert.engine.declaring.wanted import Wanted
from evercert.engine.targets import Targets
from evercert.model.access import CaAccess, Registration
from evercert.model.terms import CaChoice
from evercert.store import accounts, cas

__all__ = ["doubtful"]

_BINDING = {ca.directory: ca for ca in KNOWN_CAS if ca.eab}


async def doubtful(db: Database, comparison: Comparison, targets: Targets) -> list[Fault]:
    """In the order of their places. It is no fault of the declaration: another machine may have the program, and a CA
    may know the account. Reads only."""
    of_cas = [each async for each in _of_cas(db, comparison)]
    return sorted({*_of_targets(comparison.declaration, targets), *of_cas})


def _of_targets(declaration: Declaration, targets: Targets) -> Iterator[Fault]:
    for spec, origin in declaration.targets:
        for each in targets.doubts(spec):
            fault = placed(each, origin, spec.options, "plugin")
            # The place names the field already, where the user wrote it.
            words = fault.message.removeprefix(f"{fault.key.rpartition('.')[2]}: ")
            yield msgspec.structs.replace(fault, message=words)


async def _of_cas(db: Database, comparison: Comparison) -> AsyncIterator[Fault]:
    """CAs that make accounts for those alone whom they know already, where no account is there, and none is bound or by
    what another one has used up."""
    declared = {access.directory: (access, origin) for access, origin in comparison.declaration.cas}
    asked = _asked(comparison.wanted)
    for choice, certificate in asked.items():
        access, origin = declared.get(choice.directory) or (await cas.access(db, choice.directory), certificate)
        known, account = _BINDING[choice.directory], await accounts.find(db, choice.directory, choice.account)
        if account is not None and account.url:
            continue
        kid = access.registration(choice.account).eab_kid
        table = origin.key if choice.directory in declared else f"cas.{known.id}"
        if not kid:
            words = f"{known.name} makes accounts for external accounts (EAB) alone, and {choice.account!r} has none"
            yield origin.fault(words, f"write eab_kid and eab_key in [{table}]: {known.eab}", at_key=True)
        elif known.eab_once and (user := await _user_of(db, access, kid, choice.account, asked)):
            words = f"{known.name} makes one account for an external account (EAB), and {kid} is used up by {user!r}"
            hint = f"write an eab_kid and eab_key of its own in the [cas.*] of account {choice.account!r}: {known.eab}"
            place = _place_of(comparison.declaration, access.said_of(choice.account)) or origin
            yield place.fault(words, hint, at_key=True)


async def _user_of(db: Database, access: CaAccess, kid: str, name: str, asked: Iterable[CaChoice]) -> str:
    """Which account uses that external one up, so that it makes none of that *name*; empty where it may. It is the
    first table's before it is that of further ones."""
    if made := await accounts.made_with(db, access.directory, kid):
        return made.name
    names = [each.account for each in asked if each.directory == access.directory]
    bound = [each for each in names if access.registration(each).eab_kid == kid]
    further = {each.name for each in access.registrations}
    first = min(bound, key=lambda each: each in further)
    return first if first != name else ""


def _place_of(declaration: Declaration, own: Registration) -> Origin | None:
    """Where that is declared; equal ones may be said of accounts at several CAs."""
    return next((origin for each, origin in declaration.registrations if each is own), None)


def _asked(wanted: Iterable[Wanted]) -> dict[CaChoice, Origin]:
    """Whom the certificates ask of those CAs, with where the first of them is declared."""
    asked: dict[CaChoice, Origin] = {}
    for each in wanted:
        for choice in cas_of(each.intent):
            if choice.directory in _BINDING:
                asked.setdefault(choice, each.declared.origin)
    return asked
