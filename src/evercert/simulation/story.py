"""What one history is made of, drawn from its seed: how many of everything, how long lives last, what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from random import Random
from typing import Final

from evercert.base.errors import EvercertError
from evercert.simulation.faults import Fault, FaultKind, drawn

__all__ = ["ALL_FAULTS", "Story", "Wanted", "faults_named", "told"]

ALL_FAULTS: Final = tuple(FaultKind)

# Hours, so that a history has few turns; every rule about time is a fraction of the life.
_LIVES: Final = (timedelta(hours=12), timedelta(hours=24), timedelta(hours=48))
# Most histories leave room for every renewal; in some of them nothing else than a lapse is possible.
_HARDNESS: Final = (1.0, 1.0, 2.0, 4.0)
# How long nothing goes wrong any more at the end, in lives and in any case, so that what was begun can be ended.
_CALM_LIVES, _CALM_HOURS = 0.2, 3.0

# Of so many certificates times days the store keeps all events: lives of 12 hours are renewed four times a day.
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: how many certificates, over how many days, kept by how many nodes, under which faults.
    Zero where the seed shall say."""

    certificates: int = 0
    days: float = 0.0
    nodes: int = 0
    faults: Sequence[FaultKind] = ALL_FAULTS


@dataclass(frozen=True, slots=True)
class Story:
    """One history before it begins. Times are seconds since its beginning; after `calm_from` nothing goes wrong."""

    seed: int
    certificates: int
    nodes: int
    cas: int
    life: timedelta
    end: float
    calm_from: float
    faults: tuple[Fault, ...]
    # Which CAs say when to renew, and which keep a list of orders.
    suggesting: tuple[bool, ...]
    listing: tuple[bool, ...]

    @property
    def look(self) -> timedelta:
        """How often a node looks for what others have written: seldom, for each look costs a turn."""
        return self.life / 24


def faults_named(text: str) -> tuple[FaultKind, ...]:
    """The kinds that a list with commas names; `all` and `none` are such lists. Raises `bad-input`."""
    if text in {"all", "none"}:
        return ALL_FAULTS if text == "all" else ()
    by_word = {kind.value: kind for kind in FaultKind}
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in by_word:
            near = get_close_matches(word, by_word, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(by_word)}"
            raise EvercertError("bad-input", f"there is no fault {word[:40]!r}", hint=hint)
    return tuple(kind for kind in FaultKind if kind.value in words)


def told(seed: int, wanted: Wanted) -> Story:
    """The story of that seed, always the same. Raises `bad-input` where more is wanted than a history holds."""
    _demand_bounded(wanted)
    rng = Random(f"story {seed}")  # noqa: S311 - so that it comes again
    life = rng.choice(_LIVES)
    certificates = wanted.certificates or rng.randint(2, 4)
    nodes = wanted.nodes or rng.randint(1, 3)
    cas = rng.randint(1, 2)
    days = wanted.days or rng.uniform(1.5, 2.5) * life.total_seconds() / 86_400
    calm_from = days * 86_400
    end = calm_from + life.total_seconds() * _CALM_LIVES + 3600 * _CALM_HOURS
    hardness = rng.choice(_HARDNESS)
    times = {"begin": 0.0, "end": calm_from, "life": life.total_seconds()}
    faults = drawn([kind for kind in wanted.faults if kind is not FaultKind.FREEZE], rng, hardness=hardness, **times)
    if FaultKind.FREEZE in wanted.faults:
        own = Random(f"freezes {seed}")  # noqa: S311 - so that it comes again, and all else as without it
        faults += drawn([FaultKind.FREEZE], own, **times)
    return Story(
        seed=seed,
        certificates=certificates,
        nodes=nodes,
        cas=cas,
        life=life,
        end=end,
        calm_from=calm_from,
        faults=tuple(sorted(faults, key=lambda fault: (fault.since, fault.kind.value))),
        suggesting=tuple(rng.random() < 0.6 for _ in range(cas)),
        listing=tuple(rng.random() < 0.5 for _ in range(cas)),
    )


def _demand_bounded(wanted: Wanted) -> None:
    if wanted.certificates * wanted.days > _MOST:
        raise EvercertError(
            "bad-input",
            f"{wanted.certificates} certificates over {wanted.days:g} days are more than one history holds",
            hint=f"at most {_MOST} certificates times days; with --seeds there are more histories",
        )
