"""No profile signs under an issuer before pkilint has seen what would come of it; and what comes of it is looked at
again, now and then, while it signs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, MutableSet
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from random import Random
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.ca.issuing.issuers import Issuer
from evercert.ca.profiles.opinion import opinion
from evercert.ca.profiles.profile import Profile
from evercert.ca.profiles.specimen import specimens

__all__ = ["LintGate", "Refusal", "Sample", "admitted"]

Urls = Callable[[Issuer, Profile], Mapping[str, tuple[str, ...]]]

# Findings of one certificate come in dozens where they come at all; the first ones say what is wrong.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """A profile that must not sign under an issuer, and why: pkilint's findings."""

    profile: str
    issuer: str
    findings: tuple[str, ...]

    def __str__(self) -> str:
        more = f"; and {len(self.findings) - _SHOWN} more" if len(self.findings) > _SHOWN else ""
        return f"the profile {self.profile} under the issuer {self.issuer}: {'; '.join(self.findings[:_SHOWN])}{more}"


@dataclass(slots=True)
class LintGate:
    """*urls* says what certificates of a profile under an issuer point to. *passed* remembers what was found right, by
    a digest of all that went into it; whoever can write it can have a profile sign that was not looked at."""

    urls: Urls
    rng: Random
    passed: MutableSet[str] = field(default_factory=set)

    def refusals(self, profiles: Iterable[Profile], issuers: Iterable[Issuer], now: datetime) -> tuple[Refusal, ...]:
        """The profiles that must not sign. May be repeated; takes a tenth of a second for each pair that is new, so it
        is run beside the loop. Raises `bad-input` where pkilint is not installed."""
        signing = [each for each in issuers if each.active]
        pairs = [(each, issuer) for each in profiles for issuer in signing if each.issuer in {"", issuer.name}]
        found = (self._refusal(profile, issuer, now) for profile, issuer in pairs)
        return tuple(each for each in found if each is not None)

    def _refusal(self, profile: Profile, issuer: Issuer, now: datetime) -> Refusal | None:
        urls = self.urls(issuer, profile)
        digest = _digest(profile, issuer, urls)
        if digest in self.passed or not profile.lint:
            return None
        made = specimens(profile, issuer.signer, urls, now=now, rng=self.rng)
        above = issuer.signer.certificate
        findings = [each for der in made for each in opinion(der, above, profile.lint, signed=False)]
        if findings:
            return Refusal(profile.name, issuer.name, tuple(dict.fromkeys(findings)))
        self.passed.add(digest)
        return None


def admitted(profiles: Mapping[str, Profile], refusals: Iterable[Refusal]) -> dict[str, Profile]:
    """The profiles that may sign under every issuer of theirs. Raises `bad-input` if none is left."""
    refused = {each.profile: each for each in refusals}
    left = {name: profile for name, profile in profiles.items() if name not in refused}
    if not left:
        first = next(iter(refused.values()), "there is none")
        raise EvercertError("bad-input", f"no profile may sign: {first}", hint="change the profiles, or what they lint")
    return left


def _digest(profile: Profile, issuer: Issuer, urls: Mapping[str, tuple[str, ...]]) -> str:
    whole = msgspec.json.encode([profile, sorted(urls.items()), sha256(issuer.signer.certificate).hexdigest()])
    return sha256(whole).hexdigest()


@dataclass(slots=True)
class Sample:
    """Every *every*-th certificate is looked at after it was signed, one at a time and beside the loop. *alert* is
    given, in the loop, a certificate (DER) that something is wrong with, and what it is."""

    alert: Callable[[bytes, tuple[str, ...]], None]
    every: int = 1000
    _count: int = 0
    _looking: asyncio.Task[None] | None = None

    def take(self, certificate: bytes, issuer: Issuer, profile: Profile) -> None:
        """To be told of every certificate (DER); returns at once. One that comes while another is being looked at is
        left to the next turn."""
        self._count += 1
        if self._count < self.every or not profile.lint or (self._looking and not self._looking.done()):
            return
        self._count = 0
        self._looking = asyncio.create_task(self._look(certificate, issuer.signer.certificate, profile))

    async def drain(self) -> None:
        """Afterwards nothing is being looked at."""
        if self._looking:
            await asyncio.wait({self._looking})

    async def _look(self, certificate: bytes, issuer: bytes, profile: Profile) -> None:
        try:
            findings = await asyncio.to_thread(opinion, certificate, issuer, profile.lint)
        except EvercertError as error:
            findings = (error.message,)
        if findings:
            self.alert(certificate, findings)
