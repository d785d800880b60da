"""`evercert run --workers`: several processes share the work, one that dies is followed, and all end together."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from evercert.daemon.crew import keep_crew
from tests.cli.shell import Shell
from tests.fakes.clock import FakeClock
from tests.peers.pebble import Pebble
from tests.peers.program import Program

_SHORT = ["--no-ari", "--renew-at", "0.3"]


def _workers(crew: Program) -> list[int]:
    """The processes that it has started and that live."""
    children = Path(f"/proc/{crew.pid}/task/{crew.pid}/children").read_text().split()
    return [int(child) for child in children]


def test_a_worker_that_is_killed_is_followed_and_all_end_when_told_to(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    evercert = Shell(tmp_path / "home", start_pebble(profiles={"default": 10}))
    evercert.obtained("crew.test", *_SHORT)
    installed = evercert.live("crew.test")
    with evercert.start("run", "--workers", "2", log=tmp_path / "crew.log") as crew:
        crew.wait_until(lambda: crew.text().count("watching over") == 2, "both work")
        first = _workers(crew)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        before = installed.read_bytes()
        crew.wait_until(lambda: installed.read_bytes() != before, "renewed by others", patience=40)
        others = _workers(crew)
        assert not set(first) & set(others)
        crew.signal(signal.SIGTERM)
        assert crew.wait(60) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in others)
    assert len(re.findall(r"worker \d ended \(SIGKILL\); another starts in 0.5 s", crew.text())) == 2
    assert crew.text().rstrip().endswith("gone on with next time")


async def test_a_worker_that_cannot_be_started_is_no_end_of_the_others() -> None:
    told: list[str] = []
    ending = asyncio.Event()

    def tell(text: str) -> None:
        told.append(text)
        if len(told) == 4:
            ending.set()

    environ = {"MUCH": "x" * (1 << 18)}  # more than Linux lets one variable have
    await asyncio.wait_for(keep_crew(2, ["--version"], environ, ending, FakeClock(settle=0.02), tell), 20)
    assert told.count("worker 1 ended (it could not be started: Argument list too long); another starts in 0.5 s") == 1
    assert sorted(text.split()[1] for text in told[:4]) == ["1", "1", "2", "2"]


def test_no_worker_outlives_who_keeps_it(tmp_path: Path, pebble: Pebble) -> None:
    evercert = Shell(tmp_path / "home", pebble)
    with evercert.start("run", "--workers", "2", log=tmp_path / "crew.log") as crew:
        crew.wait_until(lambda: crew.text().count("watching over") == 2, "both work")
        workers = _workers(crew)
        try:
            crew.kill()
            deadline = time.monotonic() + 40
            while crew.text().count("gone on with next time") < len(workers):
                assert time.monotonic() < deadline, crew.text()
                time.sleep(0.1)
        finally:
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
