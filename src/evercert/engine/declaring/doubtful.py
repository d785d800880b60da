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
    """CAs that make accounts for those alone whom they know already, where no account is there and none is bound."""
    declared = {access.directory: (access, origin) for access, origin in comparison.declaration.cas}
    for choice, certificate in _asked(comparison.wanted).items():
        access, origin = declared.get(choice.directory) or (await cas.access(db, choice.directory), certificate)
        if access.registration(choice.account).eab_kid:
            continue
        known, account = _BINDING[choice.directory], await accounts.find(db, choice.directory, choice.account)
        if account is None or not account.url:
            words = f"{known.name} makes accounts for external accounts (EAB) alone, and {choice.account!r} has none"
            table = origin.key if choice.directory in declared else f"cas.{known.id}"
            hint = f"write eab_kid and eab_key in [{table}]: {known.eab}"
            yield origin.fault(words, hint, at_key=True)


def _asked(wanted: Iterable[Wanted]) -> dict[CaChoice, Origin]:
    """Whom the certificates ask of those CAs, with where the first of them is declared."""
    asked: dict[CaChoice, Origin] = {}
    for each in wanted:
        for choice in cas_of(each.intent):
            if choice.directory in _BINDING:
                asked.setdefault(choice, each.declared.origin)
    return asked
