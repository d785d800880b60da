"""Whether DNS lets a CA issue, looked at before the CA is asked (CAA: RFC 8659, RFC 8657)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase

from evercert.acme.cas import known_ca
from evercert.acme.wire import Directory
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.engine.accounts import Registered
from evercert.model.intent import CertificateIntent
from evercert.observe.caa import CaaAnswer, CaaLookup, find_caa, judge_caa
from evercert.observe.finding import Finding, Severity
from evercert.observe.sharing import SharedCaa

__all__ = ["Permission", "identities_of", "objection"]

# The CA looks again in any case, so no order waits longer than this for our own look.
_PATIENCE = 10.0


class Permission:
    """Owned by the engine; *lookup* are the machine's resolvers."""

    def __init__(self, lookup: CaaLookup, clock: Clock) -> None:
        self._lookup = SharedCaa(lookup, clock)

    async def check(self, registered: Registered, intent: CertificateIntent) -> None:
        """Raises `ca-refused` where CAA records forbid the CA to issue for a name. Where DNS does not say, or the CA
        does not say what it is called there (a private one), nothing is forbidden: the CA decides."""
        identities = identities_of(registered.account.ca, await registered.client.directory())
        names = [each for each in intent.identifiers if each.type == "dns"]
        if not identities or not names:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await asyncio.gather(*(self._forbidden(each, registered, identities, intent) for each in names))
        except TimeoutError:
            return
        refused = [each for each in found if each]
        if refused:
            refused[0].parts = tuple(refused[1:])
            raise refused[0]

    async def _forbidden(
        self, name: Identifier, registered: Registered, identities: Sequence[str], intent: CertificateIntent
    ) -> EvercertError | None:
        answer = await find_caa(name, self._lookup)
        if answer.failure:
            return None
        found = objection(intent, name, answer, identities, registered.account.url)
        if found is None:
            return None
        self._lookup.forget(answer.owner)
        return _refused(found, name, registered)


def _refused(finding: Finding, name: Identifier, registered: Registered) -> EvercertError:
    return EvercertError(
        "ca-refused",
        f"{finding.what}, so that no order was placed",
        name=name.value,
        ca=registered.account.ca,
        hint=finding.hint,
    )


def objection(
    intent: CertificateIntent, name: Identifier, answer: CaaAnswer, identities: Sequence[str], account_url: str
) -> Finding | None:
    """What keeps the CA of these *identities* from issuing for that name of the certificate. Pure."""
    methods = [rule.type for rule in intent.challenges if fnmatchcase(name.value, rule.match)]
    findings = judge_caa(name, answer, identities=identities, account_url=account_url, methods=methods)
    return next((each for each in findings if each.severity is Severity.PROBLEM), None)


def identities_of(ca: str, directory: Directory) -> Sequence[str]:
    """By which names CAA records allow the CA: by its directory, else by our table."""
    if directory.meta.caa_identities:
        return directory.meta.caa_identities
    try:
        return known_ca(ca).caa
    except EvercertError:
        return ()
