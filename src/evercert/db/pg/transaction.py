"""One transaction on one session."""

from __future__ import annotations

from collections.abc import Sequence

from evercert.db.pg.failures import is_lost
from evercert.db.pg.numbered import numbered
from evercert.db.pg.session import Session
from evercert.db.protocol import Row, Statement

__all__ = ["Undone", "transaction"]


class Undone(ConnectionError):
    """The session ended before its transaction was to be committed: nothing was kept, and it may be done again."""


async def transaction(session: Session, statements: Sequence[Statement], *, reads: bool) -> list[list[Row]]:
    """What each statement returned; afterwards all of them are durable, or (after any error but a lost session at the
    very end) none is. *reads*: nothing could be undone."""
    if len(statements) == 1:
        (only,) = statements
        if reads or only.expect is None:
            return [await session.run(only)]
        if numbered(only.query).guarded:
            return [await session.run_guarded(only)]
    try:
        await session.execute("BEGIN")
        rows = [await session.run(statement) for statement in statements]
    except Exception as error:
        if is_lost(error) and not isinstance(error, TimeoutError):
            raise Undone from error
        await session.roll_back()
        raise
    await session.execute("COMMIT")
    return rows
