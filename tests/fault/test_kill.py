"""Killed at any step, the next run goes on with the same order and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evercert.base.names import parse_identifiers
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from tests.fault.deaths import Scene, deaths_worth_dying
from tests.fault.webroot import Webroot
from tests.peers.pebble import Pebble

NAMES = ("one.killed.test", "two.killed.test")


@pytest.mark.timeout(900)
def test_death_at_every_step_costs_no_second_order_and_leaves_nothing(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    with ExitStack() as worlds:
        players = [worlds.enter_context(_player(tmp_path / name, start_pebble())) for name in ("one", "two")]
        moments = deaths_worth_dying(players[0].scene.moments())
        assert len(moments) > 30, f"only {len(moments)} moments were seen; is the enumeration broken?"
        shares = [moments[number :: len(players)] for number in range(len(players))]
        with ThreadPoolExecutor(len(players)) as threads:
            list(threads.map(_Player.play, players, shares))


@dataclass(frozen=True)
class _Player:
    """A CA, a web server and a scene of its own: two players never meet."""

    scene: Scene
    pebble: Pebble
    webroot: Webroot

    def play(self, moments: Sequence[str]) -> None:
        orders = self.pebble.order_count()
        for number, moment in enumerate(moments):
            home = self.scene.die_and_recover(number, moment)
            orders += 1
            assert self.pebble.order_count() == orders, f"{moment}: it cost a second order"
            assert self.webroot.files() == [], f"{moment}: a token file was left behind"
            assert _left_behind(home) == [], f"{moment}: an unfinished file was left behind"
            assert _counts(home) == {"issued": 1, "presented": 0, "open": 0}, moment
            assert list(home.glob(f"targets/*/files/live/{NAMES[0]}/fullchain.pem")), moment


@contextmanager
def _player(folder: Path, pebble: Pebble) -> Iterator[_Player]:
    folder.mkdir()
    with Webroot(folder / "www", pebble.http_port) as webroot:
        yield _Player(_scene(folder, pebble, webroot), pebble, webroot)


def _scene(folder: Path, pebble: Pebble, webroot: Webroot) -> Scene:
    intent = CertificateIntent(
        name=NAMES[0],
        identifiers=parse_identifiers(NAMES),
        ca=pebble.directory,
        challenges=(ChallengeRule("http-01", "webroot", {"root": str(webroot.root)}),),
        targets=(TargetSpec("files", {}),),
    )
    return Scene(folder, CaAccess(pebble.directory, roots=str(pebble.authority)), intent)


def _left_behind(home: Path) -> list[str]:
    """Unfinished files, anywhere in the home."""
    return [str(path) for path in home.rglob("*") if path.name.endswith(".evercert")]


def _counts(home: Path) -> dict[str, int]:
    questions = {
        "issued": "SELECT COUNT(*) FROM issued",
        "presented": "SELECT COUNT(*) FROM presented",
        "open": "SELECT COUNT(*) FROM issuances WHERE status IN ('keyed', 'placing', 'ordered')",
    }
    # Another library than the product's, on a file that no process has open any more.
    with closing(sqlite3.connect(home / "evercert.db")) as db:
        return {name: db.execute(question).fetchone()[0] for name, question in questions.items()}
