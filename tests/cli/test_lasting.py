"""A process that lasts: libuv's loop where there is one, and a collector of cycles that has less to look through."""

from __future__ import annotations

import subprocess
import sys

import uvloop

from evercert.cli.lasting import new_loop

_WITHOUT = "import sys; sys.modules['uvloop'] = None; from evercert.cli.lasting import new_loop; print(new_loop())"
_SETTLED = (
    "import gc; from evercert.cli.lasting import settle_memory; before = gc.get_threshold()[0]; settle_memory();"
    "print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0] > before)"
)


def test_libuvs_loop_is_taken_where_it_is_installed() -> None:
    assert new_loop() is uvloop.new_event_loop


def test_without_it_the_standard_librarys_is() -> None:
    assert _said(_WITHOUT) == "None"


def test_cycles_are_looked_for_less_often_but_always() -> None:
    assert _said(_SETTLED) == "True True True"


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
