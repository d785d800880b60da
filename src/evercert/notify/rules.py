"""Which event is for which hook, and when it is handed over again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Final

from evercert.model.hook import Hook

__all__ = ["About", "asks_whose", "is_for", "is_refusal", "pause_after"]

# Short enough at first that a restart of the receiver costs nobody anything; then an hour, for ever. What is not taken
# is not passed over, because a receiver that is down would miss everything, one event after the other.
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 60, 300, 1200))
_LONGEST: Final = timedelta(hours=1)
# A receiver that says this may say something else to the same request a moment later (RFC 9110 §15.5.9, RFC 8470 §5.2,
# RFC 6585 §4).
_PASSING: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class About:
    """What an event is about, and whose that is."""

    kind: str
    certificate: str
    owner: str = ""
    tags: tuple[str, ...] = ()


def asks_whose(hook: Hook) -> bool:
    """Whether owner and tags must be known."""
    return bool(hook.owner or hook.tag)


def is_for(hook: Hook, event: About) -> bool:
    """Whether the hook is told of it."""
    return (
        _fits(event.kind, hook.events)
        and (not hook.certificates or (event.certificate != "" and _fits(event.certificate, hook.certificates)))
        and (not hook.owner or fnmatchcase(event.owner, hook.owner))
        and (not hook.tag or any(fnmatchcase(tag, hook.tag) for tag in event.tags))
    )


def _fits(word: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def is_refusal(status: int) -> bool:
    """Whether an endpoint that says this will refuse the same request until somebody changes something."""
    return 400 <= status < 500 and status not in _PASSING


def pause_after(failures: int, asked: timedelta | None, rng: Random) -> timedelta:
    """How long to wait after so many *failures* (1 or more) in a row with up to a quarter more at random, so that many
    hooks of one endpoint do not come back together; longer if it *asked* for that, and never above an hour and that."""
    pause = _PAUSES[failures - 1] if failures <= len(_PAUSES) else _LONGEST
    return min(max(pause, asked or timedelta()), _LONGEST) * (1 + rng.random() / 4)
