"""A CA that is told to read its settings again (SIGHUP, `evercert ca reload`), without a request being lost."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from evercert.base.errors import EvercertError
from evercert.ca.node.opening import FIXED, OpenCa
from evercert.ca.setup.settings import load_ca_settings
from evercert.host.files import read_bounded
from evercert.host.locks import FileLock

__all__ = ["ask_to_reload", "reloading"]

_log = logging.getLogger(__name__)

# Held, and with its process's id in it, by the node that serves the folder.
_LOCK: Final = "serving.lock"


@contextmanager
def reloading(opened: OpenCa) -> Iterator[None]:
    """Inside, SIGHUP has the settings, profiles and issuers read again; a mistake is told in the log and changes
    nothing. Signals that come while one is being followed are one more."""
    wanted, loop = asyncio.Event(), asyncio.get_running_loop()
    lock = FileLock(opened.folder / _LOCK)
    # Another node may serve the same folder; then that one is told by `ask_to_reload`, and this one by its own signal.
    lock.try_lock()
    task = loop.create_task(_reload_when(wanted, opened))
    loop.add_signal_handler(signal.SIGHUP, wanted.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()
        lock.unlock()


def ask_to_reload(folder: Path) -> int:
    """Afterwards the node that serves the folder is about to read it again; its process id. Raises `not-found` where
    none serves it, and what is wrong with the settings, and then it is not asked."""
    load_ca_settings(folder / "ca.toml")
    lock = FileLock(folder / _LOCK)
    if not (folder / _LOCK).exists() or lock.try_lock():
        lock.unlock()
        raise EvercertError("not-found", f"nobody serves {folder}", hint="evercert ca serve reads it when it starts")
    process = int(read_bounded(folder / _LOCK, 32))
    os.kill(process, signal.SIGHUP)
    return process


async def _reload_when(wanted: asyncio.Event, opened: OpenCa) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            await _reload(opened)
        except EvercertError as error:
            told = {"code": error.code.name}
            _log.error("what is new is not right, and everything is as it was: %s", error, extra=told)
        except Exception:
            _log.exception("what is new could not be taken, and everything is as it was")


async def _reload(opened: OpenCa) -> None:
    settings = await asyncio.to_thread(load_ca_settings, opened.folder / "ca.toml")
    if late := [name for name in FIXED if getattr(settings, name) != getattr(opened.settings, name)]:
        _log.warning("what is new in these takes a restart: %s", ", ".join(late))
    await opened.reload(settings)
    _log.info("read again: %s", opened.folder)
