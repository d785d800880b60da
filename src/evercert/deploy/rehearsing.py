"""What can be seen of a place without changing it: may this process write there, can that program be run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evercert.base.errors import EvercertError

__all__ = ["demand_runnable", "demand_writable"]


def demand_writable(folder: Path) -> None:
    """Raises `deploy` where this process could not make *folder*, or files in it. Makes nothing."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        raise EvercertError("deploy", f"{there} is no folder", hint="move it away, or name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        hint = "let the user who runs Evercert write there; is the disk mounted read-only?"
        raise EvercertError("deploy", f"{there} cannot be written", hint=hint)


def demand_runnable(program: Sequence[str]) -> None:
    """Raises `deploy` where the program is named by its path and is not there, or is none. Starts nothing."""
    path = Path(program[0]) if program else None
    if path and path.is_absolute() and not (path.is_file() and os.access(path, os.X_OK)):
        raise EvercertError("deploy", f"{path} cannot be run", hint="is it there, and may it be executed?")
