"""The one thread that enters a PKCS #11 library.

python-pkcs11 initialises a library without locking, and PKCS #11 2.40 §5.4 (C_Initialize, no arguments) then
forbids that two threads call it at once. So each library has one desk in the process, everybody hands their work in
there, and a session serves one caller after the other. Only whoever waits can be bounded in time: a library that
hangs keeps its desk, and everybody who asks is told so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from evercert.base.errors import EvercertError

__all__ = ["Desk", "desk_of"]

T = TypeVar("T")

_Work = Callable[[], Any]

# Far more than a process has threads that sign; without an end, a token that hangs would fill the memory.
_MAX_WAITING = 1000

_desks: Final[dict[str, Desk]] = {}
_making: Final = Lock()


class Desk:
    """Does one thing after another in a thread of its own, which never keeps the process from ending."""

    def __init__(self, name: str) -> None:
        self._asked: SimpleQueue[tuple[Future[Any], _Work]] = SimpleQueue()
        Thread(target=self._serve, name=f"pkcs11 {name}", daemon=True).start()

    def ask(self, work: Callable[[], T], patience: float) -> T:
        """What *work* gives or raises; `timeout` after *patience* seconds, and then it is not begun any more."""
        if self._asked.qsize() >= _MAX_WAITING:
            raise EvercertError("timeout", f"{_MAX_WAITING} others are waiting for the token already")
        waiting: Future[T] = Future()
        self._asked.put((waiting, work))
        try:
            return waiting.result(patience)
        except TimeoutError:
            waiting.cancel()
            raise EvercertError("timeout", f"the token did not answer within {patience:g} s") from None

    def _serve(self) -> None:
        while True:
            waiting, work = self._asked.get()
            if waiting.set_running_or_notify_cancel():
                _answer(waiting, work)


def _answer(waiting: Future[Any], work: _Work) -> None:
    try:
        waiting.set_result(work())
    except BaseException as error:  # whoever asked is raised to, whatever it was
        waiting.set_exception(error)


def desk_of(module_path: str) -> Desk:
    """The desk of that library, the same one for everybody in the process."""
    with _making:
        if module_path not in _desks:
            _desks[module_path] = Desk(module_path)
        return _desks[module_path]
