"""`evercert run` keeps a certificate alive: through renewals, a kill and a restart; told to end, it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from evercert.base.clock import SystemClock
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.peers.pebble import Pebble
from tests.peers.program import Program

# Renewed three seconds after it began; long enough that a busy machine is still in time.
_LIFE = 10
_SHORT = ["--no-ari", "--renew-at", "0.3"]


def test_it_renews_and_a_kill_costs_nothing_and_sigterm_ends_it(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    evercert = Shell(tmp_path / "home", start_pebble(profiles={"default": _LIFE}))
    evercert.obtained("run.test", *_SHORT)
    installed = evercert.live("run.test")
    with evercert.start("run", log=tmp_path / "first.log") as first:
        _wait_for_another(first, installed)
        first.kill()
    with evercert.start("run", log=tmp_path / "second.log") as second:
        _wait_for_another(second, installed)
        second.signal(signal.SIGTERM)
        assert second.wait() == 0
    assert second.text().startswith("evercert: note: watching over the certificates in ")
    assert second.text().rstrip().endswith("evercert: note: ended; what was begun is kept, and gone on with next time")


def test_beside_it_other_processes_work_on_the_same_store(tmp_path: Path, pebble: Pebble) -> None:
    evercert = Shell(tmp_path / "home", pebble)
    with evercert.start("run", log=tmp_path / "run.log") as running:
        running.wait_until(lambda: "watching over" in running.text(), "watching")
        assert (
            running.text() == f"evercert: note: watching over the certificates in {evercert.home}; there are none yet\n"
        )
        evercert.obtained("later.test")
        assert evercert("renew", "--force", "later.test").status == 0
        assert evercert("delete", "later.test", "--yes").status == 0
        assert running.is_running


def test_one_look_ends_by_itself_and_tells_what_failed(tmp_path: Path, start_pebble: Callable[..., Pebble]) -> None:
    pebble = start_pebble(profiles={"default": 4})
    evercert = Shell(tmp_path / "home", pebble)
    evercert.obtained("once.test", *_SHORT)
    pebble.end()
    end = read_certificate(split_pem(evercert.live("once.test").read_bytes())[0]).not_after
    while (left := end - SystemClock().now()) >= timedelta():
        time.sleep(left.total_seconds() + 0.01)
    done = evercert("run", "--once")
    assert done.status == 6
    assert "evercert: error: once.test: cannot reach" in done.err
    assert done.out.startswith("once.test: expired")


def _wait_for_another(running: Program, installed: Path) -> None:
    before = installed.read_bytes()
    running.wait_until(lambda: installed.read_bytes() != before, "renewed", patience=30)
