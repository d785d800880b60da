"""What commands share: `--json`, `--home`, `--quiet`, a question before what cannot be undone, a loop to run in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evercert.cli.output import Output
from evercert.config.settings import Settings, load_settings

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop

__all__ = ["configured", "confirm", "framed", "in_loop", "told_to_end"]

T = TypeVar("T")


def framed(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command the options that all have; it is called with `output` and `settings` first."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("--quiet", "-q", is_flag=True, help="No progress, only results and errors.")
    @click.option("--home", metavar="DIR", help="Folder of the store (default: $EVERCERT_HOME).")
    @wraps(function)
    def command(as_json: bool, quiet: bool, home: str | None, **given: Any) -> int | None:
        output = Output(json=as_json, quiet=quiet)
        try:
            return function(output, load_settings(home=home), **given)
        finally:
            output.close()

    return command


def configured(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a `framed` command the option `--config`; what it names is in `settings.config`."""

    @click.option("--config", metavar="PATH", help="The declaration: a file or a folder (default: $EVERCERT_CONFIG).")
    @wraps(function)
    def command(output: Output, settings: Settings, config: str | None, **given: Any) -> int | None:
        return function(output, replace(settings, config=config or settings.config), **given)

    return command


def confirm(yes: bool, question: str) -> None:
    """Ask at a terminal; without one only `--yes` goes on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at; say --yes")
    # On standard error: results may be on their way into a file or another program.
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise click.Abort


def in_loop(work: Coroutine[Any, Any, T], new_loop: Callable[[], AbstractEventLoop] | None = None) -> T:
    """Run *work* to its end; SIGTERM ends it as Ctrl-C does: what was begun is kept, answers are taken away. The event
    loop is the standard library's, unless *new_loop* makes another one."""
    import asyncio
    import signal

    async def cancelled_by_sigterm() -> T:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(cancelled_by_sigterm())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BaseExceptionGroup as group:
        raise _first(group) from group


@contextmanager
def told_to_end() -> Iterator[asyncio.Event]:
    """Inside, in a loop: set once somebody says that it is enough, by SIGTERM or Ctrl-C; said again, the task that is
    inside is cancelled."""
    import asyncio
    import signal

    ending, task, loop = asyncio.Event(), asyncio.current_task(), asyncio.get_running_loop()

    def end() -> None:
        if ending.is_set() and task is not None:
            task.cancel()
        ending.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, end)
    try:
        yield ending
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group of tasks; the others were cancelled because of it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
