"""A CA says when to renew (RFC 9773), and it is done then, by an order that names its predecessor."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.peers.pebble import Pebble

NAME = "www.renewal.test"
HOUR = timedelta(hours=1)


@pytest.fixture
def evercert(tmp_path: Path, pebble: Pebble) -> Shell:
    return Shell(tmp_path / "home", pebble)


def six_hours_later(home: Path) -> None:
    """The CA is asked again every six hours; afterwards they are over, as far as the store knows."""
    with closing(sqlite3.connect(home / "evercert.db")) as db, db:
        db.execute("UPDATE certificates SET ari_poll_at = 0, next_action_at = 0")


def last_order_replaces(home: Path) -> str:
    with closing(sqlite3.connect(home / "evercert.db")) as db:
        return str(db.execute("SELECT replaces FROM issuances ORDER BY id DESC LIMIT 1").fetchone()[0])


def test_a_window_in_the_past_is_a_renewal_now(evercert: Shell, pebble: Pebble) -> None:
    evercert.obtained(NAME)
    first, orders = evercert("show", NAME, "--json").document["current"], pebble.order_count()
    now = datetime.now(UTC)
    pebble.suggest_window(evercert.live(NAME, "cert.pem").read_text(), now - 2 * HOUR, now - HOUR, "https://why.test/")
    assert evercert("renew").out.startswith("nothing is due")
    six_hours_later(evercert.home)
    done = evercert("renew")
    assert done.status == 0, done.err
    assert "it explains that at https://why.test/" in done.err
    assert "issuing: the CA suggests it (ARI)" in done.err
    assert evercert.serial(NAME) != first["serial"]
    assert pebble.order_count() == orders + 1
    assert last_order_replaces(evercert.home) == first["ari_id"]


def test_a_window_in_the_future_is_waited_for(evercert: Shell, pebble: Pebble) -> None:
    evercert.obtained("later.renewal.test")
    first, now = evercert.serial("later.renewal.test"), datetime.now(UTC)
    pebble.suggest_window(evercert.live("later.renewal.test", "cert.pem").read_text(), now + 30 * HOUR, now + 31 * HOUR)
    six_hours_later(evercert.home)
    assert evercert("renew").status == 0
    document = evercert("show", "later.renewal.test", "--json").document
    assert document["current"]["serial"] == first
    assert now + 29 * HOUR < datetime.fromisoformat(document["renewal"]["moment"]) < now + 32 * HOUR
    moment = document["renewal"]["moment"]
    six_hours_later(evercert.home)
    assert evercert("renew").status == 0
    assert evercert("show", "later.renewal.test", "--json").document["renewal"]["moment"] == moment


@pytest.mark.parametrize("answer", ["nonsense", "{}", '{"suggestedWindow": {"start": 1}}'])
def test_an_answer_that_is_none_stops_no_renewal(evercert: Shell, pebble: Pebble, answer: str) -> None:
    evercert.obtained(NAME)
    pebble.set_renewal_info(evercert.live(NAME, "cert.pem").read_text(), answer)
    six_hours_later(evercert.home)
    done = evercert("renew")
    assert done.status == 0, done.err
    assert "could not say when to renew" in done.err
    assert "NEXT" in evercert("list").out


def test_a_home_restored_from_a_backup_renews_what_was_replaced_since(evercert: Shell) -> None:
    """The predecessor has a successor already, so the CA refuses to have it named again."""
    evercert.obtained(NAME)
    backup = evercert.home.with_name("backup")
    shutil.copytree(evercert.home, backup, symlinks=True)
    assert evercert("renew", "--force", NAME).status == 0
    shutil.rmtree(evercert.home)
    backup.rename(evercert.home)
    done = evercert("renew", "--force", NAME)
    assert done.status == 0, done.err
    assert last_order_replaces(evercert.home) == ""
