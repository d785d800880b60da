"""Log lines about requests: each answer at a level that is chosen, each refusal with its problem."""

from __future__ import annotations

import logging
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.serving import Asked
from evercert.net.serve.service import Observer

__all__ = ["access_log", "log_refusal"]

_answers: Final = logging.getLogger("evercert.ca.node.access")
_refusals: Final = logging.getLogger("evercert.ca.refusals")

_PATH: Final = 200


def access_log(observer: Observer, level: int) -> Observer:
    """*observer*, and a line for each answer at that level. A query is not written down."""
    if not _answers.isEnabledFor(level):
        return observer

    def observe(asked: Asked, status: int, seconds: float, octets: int) -> None:
        observer(asked, status, seconds, octets)
        path = asked.path[:_PATH]
        given = {"peer": asked.peer, "method": asked.method, "path": path, "status": status}
        given |= {"seconds": round(seconds, 6), "octets": octets}
        _answers.log(level, "answered", extra=given)

    return observe


def log_refusal(asked: Asked, problem: Problem) -> None:
    """Nonces that are too old come of every client's sleep; nobody wants to read of each."""
    level = logging.DEBUG if problem.type is ProblemType.BAD_NONCE else logging.INFO
    if _refusals.isEnabledFor(level):
        given = {"problem": problem.type.value.name, "peer": asked.peer, "path": asked.path[:_PATH]}
        _refusals.log(level, "refused: %s", problem.detail, extra=given | {"status": problem.status})
