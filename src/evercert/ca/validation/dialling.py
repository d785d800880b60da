"""IPv6 first, IPv4 where nobody answers there; and a failure of the network in the words of RFC 8555."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import NetworkFailure
from evercert.base.probe import DialFailure

__all__ = ["first_answer"]

Answer = TypeVar("Answer")


async def first_answer(addresses: Sequence[str], knock: Callable[[str], Awaitable[Answer]]) -> tuple[str, Answer]:
    """The answer of the first address to which a connection comes about, and the address.

    Whoever has been connected to has answered, whatever the answer: otherwise a broken IPv6 server would be hidden from
    its owner, and an attacker could choose. Raises `Problem` (`connection`, `tls`).
    """
    failures: list[NetworkFailure] = []
    for address in addresses:
        try:
            return address, await knock(address)
        except DialFailure as failure:
            failures.append(failure)
        except NetworkFailure as failure:
            raise _problem([failure]) from failure
    raise _problem(failures) from failures[-1]


def _problem(failures: Sequence[NetworkFailure]) -> Problem:
    is_tls = failures[-1].code.name == "tls"
    what = "; ".join(failure.message for failure in failures)
    return Problem(ProblemType.TLS if is_tls else ProblemType.CONNECTION, what)
