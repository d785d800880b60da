"""Evercert as a library: one function for a certificate; the clients for everything else.

Beside the layers: it stands on all of them, and none of them knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack

import msgspec

from evercert.acme.cas import find_ca
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.config.settings import load_settings
from evercert.engine.deploying import bundle_of
from evercert.engine.report import Reporter, silent
from evercert.engine.wiring import Engine, open_engine
from evercert.engine.wishes import wish
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.pki.keys import KeyType
from evercert.store import cas, certificates

__all__ = ["Given", "Issued", "obtain", "obtain_async"]


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that is held. `private_key` shows itself only to `reveal()` or `text()`."""

    name: str
    identifiers: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str
    certificate_pem: str
    chain_pem: str
    private_key: Secret

    @property
    def fullchain_pem(self) -> str:
        return self.certificate_pem + self.chain_pem


async def obtain_async(
    *names: str,
    ca: str = "letsencrypt",
    challenge: ChallengeRule | str = "http-01",
    deploy: tuple[TargetSpec, ...] = (),
    key_type: KeyType = KeyType.EC256,
    contact: str = "",
    profile: str = "",
    ca_roots: str | Path = "",
    home: str | Path | None = None,
    reporter: Reporter = silent,
) -> Issued:
    """A certificate for *names*: the one that is held if it is not due for renewal, else a new one.

    *ca* is an id of `evercert ca list --known` or a directory URL; *challenge* is `http-01` (port 80),
    `tls-alpn-01` (port 443), or a rule. Keys, orders and accounts are kept under *home* (default:
    as for the command line), so an obtain that was killed goes on with the same order when it is
    called again, and `evercert run` renews what was obtained. Raises `EvercertError`.
    """
    intent = CertificateIntent(
        name=names[0].removeprefix("*.") if names else "",
        identifiers=parse_identifiers(names),
        ca=find_ca(ca),
        key_type=key_type,
        profile=profile,
        challenges=(_rule(challenge),),
        targets=deploy,
    )
    access = {"contacts": (f"mailto:{contact.removeprefix('mailto:')}",) if contact else (), "roots": str(ca_roots)}
    settings = load_settings(home=str(home) if home else None)
    async with open_engine(settings, reporter) as engine:
        return await _obtain(engine, intent, {key: value for key, value in access.items() if value})


class Given(TypedDict, total=False):
    """What may be given to `obtain`: the arguments of `obtain_async`, which says what they mean."""

    ca: str
    challenge: ChallengeRule | str
    deploy: tuple[TargetSpec, ...]
    key_type: KeyType
    contact: str
    profile: str
    ca_roots: str | Path
    home: str | Path | None
    reporter: Reporter


def obtain(*names: str, **given: Unpack[Given]) -> Issued:
    """`obtain_async` for code without an event loop; the same arguments, contract and errors."""
    return asyncio.run(obtain_async(*names, **given))


async def _obtain(engine: Engine, intent: CertificateIntent, access: Mapping[str, object]) -> Issued:
    await cas.configure(engine.db, msgspec.structs.replace(await cas.access(engine.db, intent.ca), **access))
    engine.check(intent)
    await wish(engine.db, [intent], engine.clock.now())
    await engine.worker.settle(intent.name, by_hand=True)
    fact = await certificates.fact(engine.db, intent.name)
    if fact is None or fact.current is None or fact.failures:
        raise _why(fact, intent)
    bundle = await bundle_of(engine.db, engine.sealer, fact, fact.current)
    if bundle.private_key is None:
        raise EvercertError("bad-key", "its key was never here (the request came from outside)", name=intent.name)
    return Issued(
        name=intent.name,
        identifiers=tuple(identifier.value for identifier in intent.identifiers),
        not_before=fact.current.not_before,
        not_after=fact.current.not_after,
        serial=fact.current.serial,
        certificate_pem=bundle.leaf_pem,
        chain_pem=bundle.chain_pem,
        private_key=bundle.private_key,
    )


def _rule(challenge: ChallengeRule | str) -> ChallengeRule:
    if isinstance(challenge, ChallengeRule):
        return challenge
    return ChallengeRule(challenge, "auto" if challenge == "http-01" else "standalone")


def _why(fact: CertificateFact | None, intent: CertificateIntent) -> EvercertError:
    failure = fact.failure if fact else None
    if failure is None:
        return EvercertError("internal", "nothing was issued, and nothing says why", name=intent.name)
    return EvercertError(failure.code, failure.message, hint=failure.hint)
