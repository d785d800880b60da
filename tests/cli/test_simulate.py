"""`evercert simulate` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


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


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--days", "10000000"), "10000000.0 is not in the range 0.1<=x<=366"),
        (("--days", "inf"), "inf is not in the range"),
        (("--days", "nan"), "'nan' is no number"),
        (("--certificates", "10000000"), "10000000 is not in the range 1<=x<=1000"),
        (("--seeds", "10000000"), "10000000 is not in the range 1<=x<=100000"),
        (("--nodes", "10000000"), "10000000 is not in the range 1<=x<=100"),
        (("--certificates", "1000", "--days", "30"), "1000 certificates over 30 days are more than one history holds"),
    ],
)
def test_more_than_a_history_holds_is_refused_at_once(asked: tuple[str, ...], told: str) -> None:
    ended = simulate(*asked)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
