"""`evercert simulate` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evercert", "simulate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_a_seed_is_told_and_told_alike_again() -> None:
    once, again = (simulate("--seed", "9", "--quiet") for _ in range(2))
    assert once.returncode == 0, once.stderr
    assert "every law held" in once.stdout
    assert once.stdout == again.stdout
    assert ", lives of 2 d, " in once.stdout.splitlines()[0]


def test_as_json() -> None:
    ended = simulate("--seed", "4", "--seeds", "2", "--faults", "none", "--certificates", "1", "--nodes", "1", "--json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["broken"]) == (0, 0)
    assert [each["seed"] for each in told["histories"]] == [4, 5]
    assert told["histories"][0]["faults"] == []
    assert told["histories"][0]["again"] == "evercert simulate --seed 4 --certificates 1 --nodes 1 --faults none"


def test_a_fault_that_is_not_known() -> None:
    ended = simulate("--faults", "ca-outage,crsh")
    assert ended.returncode == 2
    assert "hint: did you mean 'crash'?" in ended.stderr
