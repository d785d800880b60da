"""Those who play a scene again and again, each in a world of his own: two of them never meet."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fault.deaths import Scene
from tests.peers.pebble import Pebble

__all__ = ["Player", "play"]


@dataclass(frozen=True)
class Player:
    """A scene at a CA; `left` is what stands outside for a challenge."""

    scene: Scene
    pebble: Pebble
    left: Callable[[], list[str]]

    def play(self, moments: Sequence[str]) -> None:
        orders = self.pebble.order_count()
        for number, moment in enumerate(moments):
            home = self.scene.die_and_recover(number, moment)
            orders += 1
            assert self.pebble.order_count() == orders, f"{moment}: it cost a second order"
            assert self.left() == [], f"{moment}: a challenge's answer was left behind"
            assert _unfinished(home) == [], f"{moment}: an unfinished file was left behind"
            assert _counts(home) == {"issued": 1, "presented": 0, "open": 0}, moment
            self._look_at_targets(home, moment)

    def _look_at_targets(self, home: Path, moment: str) -> None:
        intent = self.scene.intent
        done = [(target.plugin, "installed") for target in intent.targets]
        assert _asked(home, "SELECT target, status FROM deployments") == done, f"{moment}: it was not deployed"
        for target in intent.targets:
            live = f"targets/*/{target.plugin}/live/{intent.name}/fullchain.pem"
            assert len(list(home.glob(live))) == 1, f"{moment}: it is not in its place"


def play(players: Sequence[Player], moments: Sequence[str]) -> None:
    """All of the moments, shared among the players, who play at the same time."""
    shares = [moments[number :: len(players)] for number in range(len(players))]
    with ThreadPoolExecutor(len(players)) as threads:
        list(threads.map(Player.play, players, shares))


def _unfinished(home: Path) -> list[str]:
    """Unfinished files, anywhere in the home."""
    return [str(path) for path in home.rglob("*") if path.name.endswith(".evercert")]


def _counts(home: Path) -> dict[str, int]:
    questions = {
        "issued": "SELECT COUNT(*) FROM issued",
        "presented": "SELECT COUNT(*) FROM presented",
        "open": "SELECT COUNT(*) FROM issuances WHERE status IN ('keyed', 'placing', 'ordered')",
    }
    return {name: _asked(home, question)[0][0] for name, question in questions.items()}


def _asked(home: Path, question: str) -> list[tuple[Any, ...]]:
    # Another library than the product's, on a file that no process has open any more.
    with closing(sqlite3.connect(home / "evercert.db")) as db:
        return db.execute(question).fetchall()
