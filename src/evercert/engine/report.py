"""What is being done and why, told to whoever watches (a terminal, a log), one line at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Reporter", "Telling", "silent"]

# Called with a certificate's name ("" where none is meant) and a clause, which is empty when work on
# that certificate has ended. Must not block or raise.
Reporter = Callable[[str, str], None]


def silent(certificate: str, text: str) -> None:
    """The reporter that tells nobody."""


class Telling:
    """A reporter that knows which certificate the running task is about.

    One ACME client serves many certificates; what it waits for is told of the one whose task
    is waiting. The subject lives in the task's context, so that tasks do not see each other's.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._subject: ContextVar[str] = ContextVar("subject", default="")

    @contextmanager
    def about(self, certificate: str) -> Iterator[None]:
        """What is told inside is told of *certificate*; that it has ended is told afterwards."""
        token = self._subject.set(certificate)
        try:
            yield
        finally:
            self._subject.reset(token)
            self._reporter(certificate, "")

    def __call__(self, text: str) -> None:
        self._reporter(self._subject.get(), text)

    def waiting(self, seconds: float, reason: str) -> None:
        """Tell of a wait that a person would notice."""
        if seconds >= 1:
            self(f"waiting {seconds:.0f} s: {reason}")
