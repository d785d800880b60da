"""The TXT name where DNS challenges are answered: delegated, left over, or broken (RFC 8555 §8.4)."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning
from evercert.observe.lookup import Aliases, Lookup, follow_aliases

__all__ = ["ChallengeNameView", "judge_challenge_name", "look_at_challenge_name"]

_CHECK = "acme-challenge"
# Let's Encrypt reads them all, but an answer beyond some twenty needs TCP, which firewalls break.
_MANY_VALUES = 10


@dataclass(frozen=True, slots=True)
class ChallengeNameView:
    aliases: Aliases
    values: tuple[str, ...] = ()
    zone: str = ""
    failure: str = ""


async def look_at_challenge_name(name: Identifier, lookup: Lookup) -> ChallengeNameView:
    """Never raises: what went wrong is part of the view."""
    aliases = await follow_aliases(f"_acme-challenge.{name.base}", lookup)
    if aliases.looped or aliases.failure:
        return ChallengeNameView(aliases, failure=aliases.failure)
    try:
        values = tuple(await lookup.txt(aliases.target))
        return ChallengeNameView(aliases, values, await lookup.zone(aliases.target))
    except EvercertError as error:
        return ChallengeNameView(aliases, failure=error.message)


def judge_challenge_name(view: ChallengeNameView, *, needed: bool) -> list[Finding]:
    """*needed* is whether the name is proved by DNS; then what is broken here is a problem."""
    name = view.aliases.names[0]
    if view.aliases.looped:
        what, hint = f"aliases run in a circle: {one_line(str(view.aliases))}", "break the circle of CNAME records"
        return [problem(_CHECK, what, hint) if needed else warning(_CHECK, what, hint)]
    if view.failure:
        what, hint = f"{name} cannot be asked for ({one_line(view.failure)})", "repair the name servers of its zone"
        return [problem(_CHECK, what, hint) if needed else note(_CHECK, what)]
    return [*_judge_delegation(view, needed), *_judge_leftovers(name, view)] or [ok(_CHECK, f"{name} is clear")]


def _judge_delegation(view: ChallengeNameView, needed: bool) -> list[Finding]:
    if len(view.aliases.names) == 1:
        return []
    what = f"{one_line(str(view.aliases))} is delegated to the zone {one_line(view.zone)}"
    return [note(_CHECK, what, "the DNS provider's credentials must be for that zone" if needed else "")]


def _judge_leftovers(name: str, view: ChallengeNameView) -> list[Finding]:
    if not view.values:
        return []
    what = f"{name} still has {len(view.values)} TXT value{'s' if len(view.values) > 1 else ''}"
    if len(view.values) >= _MANY_VALUES:
        return [warning(_CHECK, what, "delete them: so large an answer may not reach the CA")]
    return [note(_CHECK, what, "left over from an earlier run, or another client is at work; they do no harm")]
