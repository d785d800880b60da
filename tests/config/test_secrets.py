"""Secrets that programs say: nobody else waits for them."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.config.secrets import Secrets
from tests.fakes.clock import FakeClock

ENVIRON = {"PATH": os.environ["PATH"], "TOKEN": "from the environment"}


def program(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / "say"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return f"exec:{file}"


async def test_the_loop_goes_on_while_a_program_thinks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    secrets = Secrets(ENVIRON, FakeClock())
    reference = program(tmp_path, f"read word < {tmp_path}/gate; echo it is $word")
    waiting = asyncio.create_task(secrets.ready([reference, "env:TOKEN", "plain"]))
    # It ends once it was told a word, which this loop does: one that waited for it would never come to that.
    await asyncio.to_thread((tmp_path / "gate").write_text, "open\n")
    await waiting
    assert secrets(reference).text() == "it is open"
    assert secrets("env:TOKEN").text() == "from the environment"


async def test_what_was_said_counts_for_a_minute_and_then_it_is_asked_again(tmp_path: Path) -> None:
    clock = FakeClock()
    secrets = Secrets(ENVIRON, clock)
    reference = program(tmp_path, f"echo x >> {tmp_path}/calls; wc -l < {tmp_path}/calls")
    for _ in range(3):
        await secrets.ready([reference])
        assert secrets(reference).text().strip() == "1"
    clock.advance(timedelta(minutes=1))
    assert secrets(reference).text().strip() == "2"


async def test_what_was_said_is_in_no_memory_when_its_minute_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    secrets = Secrets(ENVIRON, clock)
    first, second = (program(folder, "echo it") for folder in (tmp_path / "a", tmp_path / "b"))
    async with secrets.forgetting():
        secrets(first)
        await clock.sleep(30)
        secrets(second)
        assert secrets.held == {first, second}
        await clock.sleep(30)
        assert secrets.held == {second}
        await clock.sleep(30)
        assert secrets.held == set()
        await asyncio.to_thread(secrets, first)  # as hooks ask for theirs
        await clock.sleep(60)
        assert secrets.held == set()
        secrets(first)
    assert secrets.held == set()


async def test_a_failure_is_told_when_the_secret_is_asked_for(tmp_path: Path) -> None:
    secrets = Secrets(ENVIRON, FakeClock())
    reference = program(tmp_path, "exit 3")
    await secrets.ready([reference])
    with pytest.raises(EvercertError, match="ended with status 3"):
        secrets(reference)
