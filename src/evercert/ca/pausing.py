"""Clients that fail for ever: after so many failures in a row a name is not tried for an account, until an operator
says that it may be. A success begins the count anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.ca.nouns import Authorization
from evercert.ca.store import pauses
from evercert.db.protocol import Row, Statement

__all__ = ["Pausing"]

# A client that waits for a person need not ask more often.
_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pausing:
    """*after* how many failures; 0: never. *url* is a page that says what to do then; may be empty."""

    after: int = 0
    url: str = ""

    def asked(self, wanted: Sequence[Authorization]) -> tuple[Statement, ...]:
        """The statements whose rows `check` reads."""
        return tuple(pauses.paused(each.account_id, str(each.identifier)) for each in wanted) if self.after else ()

    def check(self, wanted: Sequence[Authorization], found: Sequence[Sequence[Row]]) -> None:
        """Raises `rateLimited` if one of them is paused."""
        for authorization, rows in zip(wanted, found, strict=False):
            if rows:
                raise self._paused(authorization, rows[0][0])

    def failed(self, authorization: Authorization, now: datetime) -> tuple[Statement, ...]:
        """What is written with a failure."""
        name = str(authorization.identifier)
        return (pauses.counted(authorization.account_id, name, self.after, now),) if self.after else ()

    def proved(self, authorization: Authorization) -> tuple[Statement, ...]:
        """What is written with a success."""
        return (pauses.forgotten(authorization.account_id, str(authorization.identifier)),) if self.after else ()

    def _paused(self, authorization: Authorization, failures: int) -> Problem:
        detail = (
            f"{authorization.identifier} failed {failures} times in a row and is not tried any more for this account; "
            f"put right what fails, then have the CA's operator lift it (account {authorization.account_id})"
        )
        return Problem(ProblemType.RATE_LIMITED, detail, after=_AFTER, instance=self.url)
