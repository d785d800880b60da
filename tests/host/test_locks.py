from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.host.locks import FileLock, RangeLocks

_HOLD = """
import sys; from pathlib import Path; from evercert.host.locks import FileLock, RangeLocks
kind, path = sys.argv[1:]
ours = FileLock(Path(path)).__enter__() if kind == "file" else RangeLocks(Path(path)).try_lock("www")
print("held", flush=True); sys.stdin.read()
"""


def held_elsewhere(kind: str, path: Path) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, kind, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def killed(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.communicate(timeout=30)


def test_a_second_owner_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"), pytest.raises(EvercertError, match=f"process {os.getpid()}") as told:
        FileLock(tmp_path / "lock").__enter__()
    assert told.value.code.name == "conflict"
    with FileLock(tmp_path / "lock"):
        pass


def test_a_folder_can_be_locked_and_nothing_is_written_in_it(tmp_path: Path) -> None:
    with FileLock(tmp_path), pytest.raises(EvercertError, match="another process"):
        FileLock(tmp_path).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_its_killed_process(tmp_path: Path) -> None:
    holder = held_elsewhere("file", tmp_path / "lock")
    with pytest.raises(EvercertError, match=f"process {holder.pid}"):
        FileLock(tmp_path / "lock").__enter__()
    killed(holder)
    with FileLock(tmp_path / "lock"):
        pass


def test_keys_are_locked_apart_and_among_processes(tmp_path: Path) -> None:
    locks = RangeLocks(tmp_path / "locks")
    holder = held_elsewhere("range", tmp_path / "locks")
    assert not locks.try_lock("www")
    assert locks.try_lock("mail")
    killed(holder)
    assert locks.try_lock("www")
    other = RangeLocks(tmp_path / "locks")
    assert not other.try_lock("www")
    locks.unlock("www")
    assert other.try_lock("www")
    locks.close()
    other.close()
