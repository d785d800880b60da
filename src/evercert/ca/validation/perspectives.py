"""Whether others see what we see: a claim and CAA, confirmed from elsewhere (CA/Browser Forum BR §3.2.2.9).

Whoever can bend the routes or the DNS near the CA cannot bend them near all of its perspectives. Two to five of them
must agree but for one, six and more but for two; one that is dead, or answers something else, has not agreed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from evercert.acme.problem import URN, Problem, ProblemType, problem_type
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.message import Request, Response, Transport
from evercert.base.secret import Secret
from evercert.ca.validation.caa import CaaRules, ToIssue
from evercert.ca.validation.claim import Claim, Validated
from evercert.ca.validation.network import Asked
from evercert.ca.validation.perspective_wire import (
    CAA,
    CLAIM,
    MAX_BODY,
    CaaQuestion,
    ClaimQuestion,
    Verdict,
    digest_of,
)

__all__ = ["Perspectives", "Remote", "may_fail", "nobody_else"]

# Longer than a perspective takes for the longest validation (`validate`).
_PATIENCE: Final = 25.0
_MAX_TOLD: Final = 50
# What a perspective may find; another word of its is not passed on.
_FINDINGS: Final = frozenset(
    {
        ProblemType.CAA,
        ProblemType.CONNECTION,
        ProblemType.DNS,
        ProblemType.INCORRECT_RESPONSE,
        ProblemType.MALFORMED,
        ProblemType.TLS,
        ProblemType.UNAUTHORIZED,
    }
)


@dataclass(frozen=True, slots=True)
class Remote:
    """One perspective. *url* is its base; *token* is empty where the transport shows a client certificate; *region* is
    what it lies far from others by, such as the registry of its addresses ("ripe"), or "" where that is not counted."""

    name: str
    url: str
    token: Secret = field(default_factory=lambda: Secret(""))
    region: str = ""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of one remote. `finding` is None where it agreed or there was no answer, which `holds` tells."""

    remote: Remote
    holds: bool
    finding: ProblemType | None = None
    until: datetime | None = None
    asked: tuple[Asked, ...] = ()


def may_fail(remotes: int) -> int:
    """How many of so many need not agree (BR §3.2.2.9, "Quorum Requirements"); a single one must."""
    return 0 if remotes < 2 else 1 if remotes < 6 else 2


class Perspectives:
    """Asks all *remotes* side by side, until it is decided. Safe to use from many tasks at once.

    Where remotes have regions, those that agree must be of two at least. Raises `bad-input` for remotes that are all of
    one region, or two of one name.
    """

    def __init__(self, remotes: Sequence[Remote], transport: Transport, *, patience: float = _PATIENCE) -> None:
        regions = {remote.region for remote in remotes if remote.region}
        if len({remote.name for remote in remotes}) < len(remotes) or len(regions) == 1:
            what = "the remote perspectives are all in one region, or two of them have one name"
            raise EvercertError("bad-input", what, hint="give each its own name, and them two regions or none")
        self._remotes = tuple(remotes)
        self._transport = transport
        self._patience = patience
        self._regions = min(len(regions), 2)

    async def confirm_claim(self, claim: Claim, *, asked: list[Asked] | None = None) -> datetime | None:
        """Returns where enough of them find the claim true: the earliest moment at which its proof ends, if any.
        Raises `Problem`. May be cancelled. What each said is added to *asked*."""
        agreed = await self._confirm(CLAIM, ClaimQuestion(_nonce(), claim), asked)
        return min((heard.until for heard in agreed if heard.until), default=None)

    async def agree(self, validated: Validated) -> Validated:
        """The same, confirmed, as far as it lasts for all of them. Raises `Problem`."""
        if not self._remotes:
            return validated
        asked: list[Asked] = []
        until = await self.confirm_claim(validated.claim, asked=asked)
        ends = [each for each in (validated.until, until) if each]
        return replace(validated, until=min(ends, default=None), asked=(*validated.asked, *asked))

    async def confirm_caa(
        self, wanted: Sequence[ToIssue], account_url: str, rules: CaaRules, *, asked: list[Asked] | None = None
    ) -> None:
        """Returns where enough of them find that CAA lets it be. Raises `Problem`."""
        if not self._remotes:
            return
        await self._confirm(CAA, CaaQuestion(_nonce(), tuple(wanted), account_url, rules), asked)

    async def _confirm(
        self, path: str, question: ClaimQuestion | CaaQuestion, asked: list[Asked] | None
    ) -> list[_Heard]:
        heard = await self._ask_all(path, msgspec.json.encode(question))
        if asked is not None:
            for each in heard:
                asked.extend(_told(each))
        if self._is_agreed(heard):
            return [each for each in heard if each.holds]
        raise self._refusal(heard)

    async def _ask_all(self, path: str, body: bytes) -> list[_Heard]:
        """What was heard until it was decided, or from all."""
        heard: list[_Heard] = []
        asking = {asyncio.create_task(self._ask(remote, path, body)) for remote in self._remotes}
        try:
            while asking and not self._is_agreed(heard) and not self._is_refused(heard):
                done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                heard += [task.result() for task in done]
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        return heard

    def _is_agreed(self, heard: Sequence[_Heard]) -> bool:
        agreed = [each.remote for each in heard if each.holds]
        enough = len(agreed) >= len(self._remotes) - may_fail(len(self._remotes))
        return enough and len({remote.region for remote in agreed if remote.region}) >= self._regions

    def _is_refused(self, heard: Sequence[_Heard]) -> bool:
        return sum(not each.holds for each in heard) > may_fail(len(self._remotes))

    async def _ask(self, remote: Remote, path: str, body: bytes) -> _Heard:
        token = remote.token.text()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        request = Request("POST", remote.url.rstrip("/") + path, headers, body, max_body=MAX_BODY)
        try:
            async with asyncio.timeout(self._patience):
                response = await self._transport.send(request)
        except (EvercertError, TimeoutError):
            return _Heard(remote, holds=False)
        return _heard(remote, response.status, response.body, digest_of(body))

    def _refusal(self, heard: Sequence[_Heard]) -> Problem:
        """In our words: a perspective that lies shall not speak to our clients."""
        findings = [each.finding for each in heard if each.finding]
        failed = sum(not each.holds for each in heard)
        if not findings:
            what = f"{failed} of this CA's {len(self._remotes)} other perspectives gave no answer; try again later"
            return Problem(ProblemType.SERVER_INTERNAL, what)
        kind = max(findings, key=findings.count)
        what = (
            f"this CA finds it to be so, but {failed} of its {len(self._remotes)} perspectives in other networks "
            "do not; let every network see the same answer"
        )
        return Problem(kind, what)


def nobody_else() -> Perspectives:
    """No remotes: what the CA sees by itself is agreed."""
    return Perspectives((), _NoTransport())


class _NoTransport:
    async def send(self, request: Request) -> Response:
        raise EvercertError("internal", "there is nobody to ask")


def _heard(remote: Remote, status: int, body: bytes, digest: str) -> _Heard:
    try:
        verdict = msgspec.json.decode(body, type=Verdict) if status == 200 else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        verdict = None
    if verdict is None or verdict.digest != digest or (verdict.until and verdict.until.tzinfo is None):
        return _Heard(remote, holds=False)
    if verdict.holds and not verdict.problem:
        return _Heard(remote, holds=True, until=verdict.until, asked=verdict.asked)
    kind = problem_type(URN + verdict.problem)
    finding = kind if kind in _FINDINGS else ProblemType.UNAUTHORIZED
    return _Heard(remote, holds=False, finding=finding, asked=verdict.asked)


def _told(heard: _Heard) -> list[Asked]:
    """For the audit: what a perspective found, and what it looked at."""
    came = "confirms" if heard.holds else f"refuses: {heard.finding.value.name}" if heard.finding else "no answer"
    name = heard.remote.name
    looked = [
        Asked(
            one_line(each.kind, 20), one_line(each.about, 500), f"{name}: {one_line(each.at)}", one_line(each.came, 500)
        )
        for each in heard.asked[:100]
    ]
    return [Asked("perspective", name, heard.remote.url, came), *looked]


def _nonce() -> str:
    return secrets.token_urlsafe(16)
