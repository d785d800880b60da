"""What comes next for a certificate that matters to whoever wants it. Pure.

The planner's next step is often a question to the CA (when to renew), which concerns nobody. This is when the
certificate is issued, renewed, installed or tried again, reckoned from a line of the list, so that ten thousand of them
take no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum

import msgspec

from evercert.engine.installing import Installation
from evercert.engine.plan import renewal_moment
from evercert.model.state import State
from evercert.store.views import Listed

__all__ = ["Ahead", "What", "ahead"]


class What(Enum):
    """What comes."""

    STOPPED = "stopped"  # nothing, until somebody resumes it
    ISSUE = "issue"  # the first one
    RENEW = "renew"
    INSTALL = "install"  # in a target that does not have it, or failed to take it
    RETRY = "retry"  # an attempt to issue, after one that failed
    HELD = "held"  # a limit of a CA leaves no room before


class Ahead(msgspec.Struct, frozen=True):
    """`what` comes at a moment, which may be past: then it waits for a worker alone. `why` not before, where something
    keeps it."""

    what: What
    at: datetime
    why: str = ""


def ahead(line: Listed, now: datetime, outstanding: Sequence[Installation] | None = None) -> Ahead:
    """The first that comes; or that it is not installed yet, where a window or a freeze has that waiting, however long.
    *outstanding* are the installations that are to be made, where that is known better than from the line's counts."""
    if line.stopped:
        return Ahead(What.STOPPED, line.stopped.at, line.stopped.reason)
    if waiting := [each for each in outstanding or () if each.put_off]:
        first = min(waiting, key=lambda each: each.moment)
        return Ahead(What.INSTALL, first.moment, first.put_off)
    return min(_moments(line, now, outstanding), key=lambda each: each.at)


def _moments(line: Listed, now: datetime, outstanding: Sequence[Installation] | None) -> Iterator[Ahead]:
    blocked = _blocked(line)
    yield _issuance(line, now, blocked)
    if outstanding is not None:
        yield from (Ahead(What.INSTALL, each.moment) for each in outstanding)
    elif line.state is State.NOT_INSTALLED:
        known = line.targets_done + line.targets_failed == line.targets
        yield Ahead(What.INSTALL, line.deploy_retry_at if known and line.deploy_retry_at else now)
    for each in line.left_out:
        yield Ahead(What.RETRY, max(each.until, blocked.at) if blocked else each.until, f"{each.member} is left out")


def _issuance(line: Listed, now: datetime, blocked: Ahead | None) -> Ahead:
    """When the next one is issued: when it is due, or tried again where that is later."""
    current = line.fact.current
    if current is None:
        return blocked or Ahead(What.ISSUE, now)
    begun = line.issuing or line.called_for
    due = now if begun else renewal_moment(line.fact, current, now)[0]
    return blocked if blocked and blocked.at > due else Ahead(What.RENEW, due)


def _blocked(line: Listed) -> Ahead | None:
    """Until when nothing is issued though it is due: the last attempt failed, or a limit leaves no room."""
    if line.hold and (line.retry_at is None or line.hold.until > line.retry_at):
        return Ahead(What.HELD, line.hold.until, line.hold.limit)
    return Ahead(What.RETRY, line.retry_at) if line.retry_at else None
