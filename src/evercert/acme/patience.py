"""How often one request is sent again, and after what pause.

Rule of this file: nothing here waits long. What a CA wants put off for more than half a minute is
an error with its time, so that the engine can do something else in between.
"""

from __future__ import annotations

from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.acme.step import Sleep
from evercert.base.errors import EvercertError, NetworkFailure

__all__ = ["Patience"]

# Pebble can be told to reject half of all good nonces: twenty in a row is one in a million.
_MAX_BAD_NONCES: Final = 20
_MAX_REPEATS: Final = 4
_MAX_PAUSE: Final = 30.0
_FIRST_PAUSE: Final = 0.5

# RFC 9110 §15.6.4: the server did not do it. The other server errors leave that open.
_REFUSED: Final = 503
_TOO_MANY: Final = 429


# What comes out the same a second later: a certificate that is not trusted, a body beyond bounds.
_HOPELESS: Final = frozenset({"tls", "too-large"})


class Patience:
    """What is left of it for one request. `repeatable`: may be done twice without harm; `most` times."""

    def __init__(self, repeatable: bool, most: int = _MAX_REPEATS) -> None:
        self._repeatable = repeatable
        self._most = most
        self._bad_nonces = 0
        self._repeats = 0
        self._paused = 0.0

    def after_failure(self, failure: NetworkFailure) -> Sleep:
        """How long to wait before sending it again; raises *failure* where that must not be."""
        if not self._repeatable or failure.code.name in _HOPELESS:
            raise failure
        return self._repeat(failure, None, f"the connection failed ({failure.code.name})")

    def after_refusal(self, problem: Problem) -> Sleep | None:
        """The same for an answer that is an error; None is no wait at all."""
        # RFC 8555 §6.5: the error itself carries the next nonce, so this costs one round trip.
        if problem.type is ProblemType.BAD_NONCE:
            self._bad_nonces += 1
            if self._bad_nonces <= _MAX_BAD_NONCES:
                return None
            raise problem
        if not self._may_repeat(problem):
            raise problem
        asked = problem.after.total_seconds() if problem.after else None
        return self._repeat(problem, asked, f"the CA is busy (status {problem.status})")

    def _may_repeat(self, problem: Problem) -> bool:
        if problem.status == _REFUSED:
            return True
        if problem.status == _TOO_MANY:
            return self._repeatable and problem.after is not None
        return self._repeatable and problem.status >= 500

    def _repeat(self, error: EvercertError, asked: float | None, reason: str) -> Sleep:
        self._repeats += 1
        pause = max(asked or 0.0, _FIRST_PAUSE * 2.0 ** (self._repeats - 1))
        self._paused += pause
        if self._repeats > self._most or self._paused > _MAX_PAUSE:
            raise error
        return Sleep(pause, reason)
