"""What `obtain` does once its options are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from evercert.acme.cas import staging_of
from evercert.base.collecting import pass_over_what_there_is
from evercert.base.errors import EvercertError
from evercert.cli.insisting import look_again
from evercert.cli.outcome import report_outcome
from evercert.cli.output import Output
from evercert.cli.wanted import Wanted, intent_of
from evercert.config.settings import Settings
from evercert.engine.asking.choosing import cas_of
from evercert.engine.wiring import Engine, open_engine
from evercert.engine.wishes import wish
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent
from evercert.model.terms import CaChoice
from evercert.pki.key_type import KeyType
from evercert.store import accounts, cas

__all__ = ["Request", "obtain_all"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of `obtain`. `access` holds the options about the CA, as they were typed."""

    wanted: Sequence[Wanted]
    access: Mapping[str, Any]
    staging: bool
    dry_run: bool


async def obtain_all(output: Output, settings: Settings, request: Request) -> int:
    """Afterwards each certificate is issued and served, or its failure was told; the exit status."""
    intents = [_placed(intent_of(wanted, settings.home), request) for wanted in request.wanted]
    with ExitStack() as leaving:
        if request.dry_run:
            output.note("dry run: nothing is kept or installed")
            settings = replace(
                settings, home=Path(leaving.enter_context(TemporaryDirectory(prefix="evercert-"))), master_key=""
            )
        async with open_engine(settings, output.progress) as engine:
            if len(intents) > 1:
                pass_over_what_there_is()
            await _declare(engine, intents, request.access)
            await _settle(engine, intents)
            return await report_outcome(output, engine, [intent.name for intent in intents])


def _placed(intent: CertificateIntent, request: Request) -> CertificateIntent:
    """The intent, at the staging CA and without targets where that is meant."""
    if request.staging or request.dry_run:
        further = tuple(CaChoice(staging_of(ca.directory), ca.account) for ca in intent.terms.further_cas)
        terms = msgspec.structs.replace(intent.terms, further_cas=further)
        intent = msgspec.structs.replace(intent, ca=staging_of(intent.ca), terms=terms)
    return msgspec.structs.replace(intent, targets=()) if request.dry_run else intent


async def _declare(engine: Engine, intents: Sequence[CertificateIntent], typed: Mapping[str, Any]) -> None:
    """Afterwards the certificates are wanted; raises, with nothing kept, where it is plain that one cannot be."""
    for intent in intents:
        engine.check(intent)
    for ca in {ca for intent in intents for ca in cas_of(intent)}:
        access = _access(await cas.access(engine.db, ca.directory), ca.account, typed)
        if not (ca.directory.startswith("https://") or access.allow_http):
            hint = "write its https URL; for a CA without TLS that only you can reach, add --allow-http"
            raise EvercertError("insecure-url", "the CA's directory is not at an https URL", ca=ca.directory, hint=hint)
        anew = [accounts.given_anew(ca.directory, typed["eab_kid"])] if typed["eab_kid"] else []
        await cas.configure(engine.db, access, *anew)
    await wish(engine.db, intents, engine.clock.now())


async def _settle(engine: Engine, intents: Sequence[CertificateIntent]) -> None:
    """Afterwards nothing is due for them, and a CA that does not answer keeps none from the next one."""
    names = [intent.name for intent in intents]
    settle = partial(engine.worker.settle_all, by_hand=True)
    await settle(names)
    await look_again(engine, names, settle)


def _access(known: CaAccess, account: str, typed: Mapping[str, Any]) -> CaAccess:
    """What is known of a CA, with what was typed in place of it; of as whom to register, for that account alone."""
    changes = {
        "roots": str(Path(typed["ca_roots"]).absolute()) if typed["ca_roots"] else "",
        "proxy": typed["proxy"],
        "allow_http": typed["allow_http"],
        "family": typed["family"] or 0,
    }
    known = msgspec.structs.replace(known, **_given(changes))
    own = {
        "contacts": tuple(f"mailto:{mail.removeprefix('mailto:')}" for mail in typed["contact"]),
        "eab_kid": typed["eab_kid"],
        "eab_key": typed["eab_key"],
        "eab_algorithm": typed["eab_algorithm"] if typed["eab_kid"] else "",
        "account_key": KeyType(typed["account_key"]) if typed["account_key"] else None,
    }
    return known.saying(msgspec.structs.replace(known.said_of(account), **_given(own)))


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
