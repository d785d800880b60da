"""What goes wrong beside the work is told, and the work goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from evercert.config.settings import load_settings
from evercert.daemon.stay import stay
from evercert.engine.wiring import open_engine
from tests.fakes.clock import FakeClock


class Broken:
    """Incidents that nobody can attend to, because of a mistake."""

    async def attend(self) -> None:
        raise RuntimeError("nobody thought of that")


async def test_a_mistake_beside_the_work_is_told_and_ends_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    twice = asyncio.Event()

    def tell(_: str, text: str) -> None:
        told.append(text)
        if told.count(text) > 1:
            twice.set()

    settings = load_settings({}, home=str(tmp_path))
    async with open_engine(settings, tell, clock=FakeClock(settle=0.02)) as engine:
        ending = asyncio.Event()
        broken = replace(engine, incidents=Broken())  # type: ignore[arg-type]  # it is asked for nothing else
        staying = asyncio.create_task(stay(broken, ending))
        await asyncio.wait_for(twice.wait(), 20)
        ending.set()
        await asyncio.wait_for(staying, 20)
    assert set(told) == {"an unexpected RuntimeError; trying again in 10 s"}
