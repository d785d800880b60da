"""Killed at any step, the next run goes on with the same order and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from evercert.base.names import parse_identifiers
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from tests.fault.deaths import Scene, deaths_worth_dying
from tests.fault.webroot import Webroot
from tests.peers.pebble import Pebble

NAMES = ("one.killed.test", "two.killed.test")


@pytest.mark.timeout(600)
def test_death_at_every_step_costs_no_second_order_and_leaves_nothing(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    pebble = start_pebble()
    with Webroot(tmp_path / "www", pebble.http_port) as webroot:
        scene = _scene(tmp_path, pebble, webroot)
        moments = deaths_worth_dying(scene.moments())
        assert len(moments) > 30, f"only {len(moments)} moments were seen; is the enumeration broken?"
        orders = pebble.order_count()
        with ThreadPoolExecutor(2) as players:
            homes = list(players.map(scene.die_and_recover, range(len(moments)), moments))
        assert pebble.order_count() == orders + len(moments), "a death cost a second order"
        assert webroot.files() == [], "a token file was left behind"
    for home, moment in zip(homes, moments, strict=True):
        assert _left_behind(home) == [], f"{moment}: something was left behind"
        assert _counts(home) == {"issued": 1, "presented": 0, "open": 0}, moment
        assert list(home.glob(f"targets/*/files/live/{NAMES[0]}/fullchain.pem")), moment


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
