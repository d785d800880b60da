"""Which event is for which hook, and when it is handed over again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Final

from evercert.model.hook import Hook

__all__ = ["About", "asks_whose", "is_for", "is_given_up", "is_refusal", "pause_after"]

# Short enough at first that a restart of the receiver costs nobody anything; then an hour. What is not taken is not
# passed over, because a receiver that is down would miss everything, one event after the other.
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 60, 300, 1200))
_LONGEST: Final = timedelta(hours=1)
# Who took nothing for so long is gone, and does not come back by being asked; unless we asked seldom, because we were
# not there ourselves.
_PATIENCE: Final = timedelta(days=7)
_TRIED: Final = 20
# A receiver that says this may say something else to the same request a moment later (RFC 9110 §15.5.9, RFC 8470 §5.2,
# RFC 6585 §4).
_PASSING: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class About:
    """What an event is about, and whose that is; or that *hook* was given up."""

    kind: str
    certificate: str
    owner: str = ""
    tags: tuple[str, ...] = ()
    hook: str = ""


def asks_whose(hook: Hook) -> bool:
    """Whether owner and tags must be known."""
    return bool(hook.owner or hook.tag)


def is_for(hook: Hook, event: About) -> bool:
    """Whether the hook is told of it. No failure of its own comes to a hook: each would make the next."""
    return (
        event.hook != hook.name
        and _fits(event.kind, hook.events)
        and (not hook.certificates or (event.certificate != "" and _fits(event.certificate, hook.certificates)))
        and (not hook.owner or fnmatchcase(event.owner, hook.owner))
        and (not hook.tag or any(fnmatchcase(tag, hook.tag) for tag in event.tags))
    )


def _fits(word: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def is_refusal(status: int) -> bool:
    """Whether an endpoint that says this will refuse the same request until somebody changes something."""
    return 400 <= status < 500 and status not in _PASSING


def is_given_up(failures: int, since: datetime | None, now: datetime) -> bool:
    """Whether it is not tried again by itself after so many *failures* in a row, *since* the first of them."""
    return failures >= _TRIED and since is not None and now - since >= _PATIENCE


def pause_after(failures: int, asked: timedelta | None, rng: Random) -> timedelta:
    """How long to wait after so many *failures* (1 or more) in a row with up to a quarter more at random, so that many
    hooks of one endpoint do not come back together; longer if it *asked* for that, and never above an hour and that."""
    pause = _PAUSES[failures - 1] if failures <= len(_PAUSES) else _LONGEST
    return min(max(pause, asked or timedelta()), _LONGEST) * (1 + rng.random() / 4)
