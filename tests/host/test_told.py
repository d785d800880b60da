"""What a program says, bounded."""

from __future__ import annotations

import pytest

from evercert.base.errors import EvercertError
from evercert.host.told import told_by

SHELL = "/bin/sh"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "WHO": "me"}


def said(script: str, *, timeout: float = 10, limit: int = 100) -> bytes:
    return told_by([SHELL, "-c", script], ENVIRONMENT, timeout=timeout, limit=limit)


def test_it_is_heard_to_its_end() -> None:
    assert said("printf 'a '; printf $WHO; echo nothing >&2") == b"a me"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo hunter2; exit 3", "ended with status 3"),
        ("echo hunter2; kill -9 $$", "ended with status -9"),
        ("while :; do echo hunter2; done", "more than 100 bytes"),
    ],
)
def test_a_failure_is_told_and_what_it_said_is_not(script: str, words: str) -> None:
    with pytest.raises(EvercertError, match=words) as caught:
        said(script)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("script", ["sleep 60", "sleep 60 & echo x", "exec >&-; sleep 60"])
def test_neither_it_nor_a_child_of_it_holds_us_up(script: str) -> None:
    with pytest.raises(EvercertError, match="did not end in time"):
        said(script, timeout=0.3)


@pytest.mark.parametrize("program", ["/no/such/program", "/", "/a\0b"])
def test_what_cannot_start_is_told(program: str) -> None:
    with pytest.raises(EvercertError, match="cannot be started"):
        told_by([program], ENVIRONMENT, timeout=1, limit=1)
