"""What can be seen of a place without changing it: may this process write there, can that program be run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.host.programs import is_runnable

__all__ = ["demand_runnable", "demand_writable", "doubts_of"]


def demand_writable(folder: Path) -> None:
    """Raises `deploy` where this process could not make *folder*, or files in it. Makes nothing."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        raise EvercertError("deploy", f"{there} is no folder", hint="move it away, or name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        hint = "let the user who runs Evercert write there; is the disk mounted read-only?"
        raise EvercertError("deploy", f"{there} cannot be written", hint=hint)


def demand_runnable(program: Sequence[str]) -> None:
    """Raises `deploy` where there is no such program here, or this process may not run it. Starts nothing."""
    if program and not is_runnable(program[0]):
        raise EvercertError("deploy", f"{program[0]} cannot be run", hint="is it there, and may it be executed?")


def doubts_of(**demands: Callable[[], object]) -> list[EvercertError]:
    """Which of these are not met, each under the name of its field."""
    found = []
    for field, demand in demands.items():
        try:
            demand()
        except EvercertError as error:
            words = f"{field}: {error.message.removeprefix(f'{field}: ')}"
            found.append(EvercertError(error.code.name, words, hint=error.hint))
    return found
