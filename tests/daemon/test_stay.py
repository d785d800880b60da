"""What goes wrong beside the work is told, and the work goes on; that the store is away is told once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.config.settings import load_settings
from evercert.daemon.stay import stay
from evercert.db.protocol import Database
from evercert.engine.wiring import open_engine
from evercert.store.opening import open_store
from tests.fakes.clock import FakeClock


class Broken:
    """Incidents that nobody can attend to, because of a mistake. After so many *times* it is `ending`, and `heard` is
    what was told until then."""

    def __init__(self, times: int, told: list[str]) -> None:
        self.ending = asyncio.Event()
        self.heard: list[str] = []
        self._left, self._told = times, told

    async def attend(self) -> None:
        self._left -= 1
        if not self._left:
            self.heard = [*self._told]
            self.ending.set()
        raise RuntimeError("nobody thought of that")


@pytest.mark.parametrize(("looks", "tellings"), [(20, 1), (400, 2)])
async def test_a_mistake_beside_the_work_ends_nothing_and_is_told_once_an_hour(
    tmp_path: Path, looks: int, tellings: int
) -> None:
    told: list[str] = []
    settings = load_settings({}, home=str(tmp_path))
    async with open_engine(settings, lambda _, text: told.append(text), clock=FakeClock()) as engine:
        broken = Broken(looks, told)
        staying = stay(replace(engine, incidents=broken), broken.ending)  # type: ignore[arg-type]  # it attends
        await asyncio.wait_for(staying, 50)
    assert broken.heard == ["an unexpected RuntimeError; trying again in 10 s"] * tellings


class MayBeAway:
    """Keeps the contract of `Database`; while it is `away`, all that is asked of it fails, and is counted."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.away = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._db, name)
        return self._unless_away(asked) if name in {"rows", "read", "scan", "write"} else asked

    def _unless_away(self, asked: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(*statements: object) -> Any:
            self.asked += 1
            if self.away:
                raise EvercertError("store", f"connection {self.asked} was lost", hint="is it running?")
            return await asked(*statements)

        return answer

    async def asked_again(self, times: int) -> None:
        """Returns when so many more have been."""
        until = self.asked + times
        async with asyncio.timeout(30):
            while self.asked < until:
                await asyncio.sleep(0.01)


async def test_that_the_store_is_away_and_that_it_is_back_is_told_once_each(tmp_path: Path) -> None:
    told: list[str] = []
    settings = load_settings({}, home=str(tmp_path))
    async with open_store(settings.store) as opened:
        db: Any = MayBeAway(opened)
        clock = FakeClock(settle=0.02)
        async with open_engine(settings, lambda _, text: told.append(text), clock=clock, database=db) as engine:
            ending = asyncio.Event()
            staying = asyncio.create_task(stay(engine, ending))
            await db.asked_again(20)
            assert told == []
            for _ in range(2):
                told.clear()
                db.away = True
                await db.asked_again(20)
                [away] = told
                assert away.startswith("connection ")
                assert away.endswith(
                    " was lost (is it running?); what needs the store waits, and it is tried again every 10 s"
                )
                db.away = False
                await db.asked_again(40)
                [_, back] = told
                assert back.startswith("the store answers again, after 0:0")
            ending.set()
            await asyncio.wait_for(staying, 20)
