from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.host.programs import SystemPrograms

programs = SystemPrograms()


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-c", script, *arguments]


async def test_status_and_both_outputs_come_back() -> None:
    completed = await programs.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert completed.status == 3
    assert sorted(completed.output.split()) == ["err", "out"]


async def test_arguments_reach_no_shell() -> None:
    assert (await programs.run(["echo", "$(id)", "; id", "a b"])).output == "$(id) ; id a b\n"


async def test_the_environment_is_minimal_and_added_to() -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    completed = await programs.run(["env"], env={"EVERCERT_NAME": "www"})
    names = {line.split("=")[0] for line in completed.output.splitlines()}
    assert names == {"PATH", "LC_ALL", "HOME", "EVERCERT_NAME"}


async def test_input_is_given_and_may_be_left_unread() -> None:
    assert (await programs.run(["cat"], stdin=b"words")).output == "words"
    assert (await programs.run(["true"], stdin=b"x" * (1 << 20))).status == 0


async def test_endless_output_is_cut_and_does_not_block() -> None:
    completed = await programs.run(python("import sys; sys.stdout.write('x' * 5_000_000)"))
    assert len(completed.output) == 1 << 22


async def test_a_program_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: open(sys.argv[1], 'w').write(f'{os.getpid()} {child}')\n"
        "time.sleep(600)"
    )
    with pytest.raises(EvercertError, match="did not end within") as told:
        await programs.run(python(script, str(tmp_path / "pids")), timeout=1.5)
    assert told.value.code.name == "program"
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        await ended(pid)


async def ended(pid: int) -> None:
    """Whoever was killed may take a moment to end, where the machine is busy."""
    async with asyncio.timeout(20):
        while runs(pid):
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_cancelled_caller_takes_the_program_along(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    running = asyncio.create_task(programs.run(python(script, str(pid_file))))
    while not (pid_file.exists() and pid_file.read_text()):
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await ended(int(pid_file.read_text()))


async def test_a_child_left_behind_with_the_output_open_is_not_waited_for() -> None:
    script = "import os, time\nif os.fork() == 0: time.sleep(20)\nelse: print('started', flush=True)"
    began = time.monotonic()
    assert (await programs.run(python(script))).output == "started\n"
    assert time.monotonic() - began < 10


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(EvercertError, match="/nowhere/nginx cannot be started: No such file"):
        await programs.run(["/nowhere/nginx", "-t"])
    with pytest.raises(EvercertError, match="NUL"):
        await programs.run(["true", "a\0b"])


async def test_a_signal_shows_in_the_status() -> None:
    assert (await programs.run(python("import os; os.kill(os.getpid(), 9)"))).status == 137
