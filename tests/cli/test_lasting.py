"""A process that lasts: libuv's loop where there is one."""

from __future__ import annotations

import subprocess
import sys

import uvloop

from evercert.cli.lasting import new_loop

_WITHOUT = "import sys; sys.modules['uvloop'] = None; from evercert.cli.lasting import new_loop; print(new_loop())"


def test_libuvs_loop_is_taken_where_it_is_installed() -> None:
    assert new_loop() is uvloop.new_event_loop


def test_without_it_the_standard_librarys_is() -> None:
    assert _said(_WITHOUT) == "None"


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
