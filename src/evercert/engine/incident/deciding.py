"""What an incident does next: how far its waves are in, one step out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evercert.model.incident import Incident, IncidentState
from evercert.store.incidents import Wave

__all__ = ["Close", "Decision", "Release", "Rest", "Stall", "decide", "failing", "is_over", "under_way"]

# Fewer failures than these are never the sign of something that is wrong with all of them.
_FEW = 5


@dataclass(frozen=True, slots=True)
class Release:
    """Have the *count* certificates that wait in the wave replaced."""

    wave: int
    count: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Note why no further wave is released; with an empty reason, that some are again."""

    why: str


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing is left to do."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be decided until something has changed."""


Decision = Release | Stall | Close | Rest


def decide(incident: Incident, waves: Sequence[Wave]) -> Decision:
    """The one step that is next. What was decided and done is not decided again."""
    if incident.state is not IncidentState.OPEN:
        return Rest()
    if all(map(is_over, waves)):
        return Close(_outcome(waves))
    following = next((wave for wave in waves if wave.waiting), None)
    why = _too_many_fail(incident, waves) if following else ""
    if bool(why) != bool(incident.stalled):
        return Stall(why)
    if following is None or why:
        return Rest()
    if incident.measures.waits and any(map(under_way, waves)):
        return Rest()
    return Release(following.number, following.waiting)


def is_over(wave: Wave) -> bool:
    return not (wave.waiting or wave.replacing or wave.replaced or wave.revoking)


def under_way(wave: Wave) -> int:
    """How many of it were released and are not through: neither replaced and installed, nor failing, nor held by a
    limit, which no other wave should wait for."""
    return wave.replacing - wave.failing - wave.held + wave.replaced - wave.unplaced - wave.superseded


def failing(waves: Sequence[Wave]) -> int:
    """How many could not be replaced or installed so far; they are tried again, each in its time."""
    return sum(wave.failing + wave.unplaced for wave in waves)


def _too_many_fail(incident: Incident, waves: Sequence[Wave]) -> str:
    released, failed = sum(map(_released, waves)), failing(waves)
    count = failed - incident.tolerated
    if count < _FEW or count <= incident.measures.most_failing * released:
        return ""
    return f"{failed} of {released} fail"


def _released(wave: Wave) -> int:
    return wave.replacing + wave.replaced + wave.revoking + wave.done


def _outcome(waves: Sequence[Wave]) -> str:
    done, failed = sum(wave.done for wave in waves), sum(wave.failed for wave in waves)
    return f"{done} replaced" + (f", {failed} failed" if failed else "")
