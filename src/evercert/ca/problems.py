"""Problems as documents (RFC 7807, RFC 8555 §6.7): as they are shown, and as they are kept with what failed."""

from __future__ import annotations

import msgspec

from evercert.acme.problem import Problem
from evercert.acme.wire import ProblemDocument

__all__ = ["kept", "members_of"]


def members_of(problem: Problem) -> dict[str, object]:
    """The document that a client is sent."""
    return _members(problem) | {"status": problem.status}


def kept(problem: Problem) -> ProblemDocument:
    """The problem, as it stands with an order or a challenge that failed."""
    return msgspec.convert(members_of(problem), ProblemDocument)


def _members(problem: Problem) -> dict[str, object]:
    members: dict[str, object] = {"type": problem.type.urn, "detail": problem.detail or problem.type.value.meaning}
    if problem.instance:
        members["instance"] = problem.instance
    if problem.algorithms:
        members["algorithms"] = problem.algorithms
    if problem.subproblems:
        members["subproblems"] = [_subproblem(each) for each in problem.subproblems]
    return members


def _subproblem(problem: Problem) -> dict[str, object]:
    return _members(problem) | ({"identifier": _identifier(problem.name)} if problem.name else {})


def _identifier(name: str) -> dict[str, str]:
    """What the subproblem is about. No DNS name that we take ends in a number or has a colon."""
    is_address = ":" in name or name.rpartition(".")[2].isdigit()
    return {"type": "ip" if is_address else "dns", "value": name}
