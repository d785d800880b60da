"""One transaction on one session."""

from __future__ import annotations

from collections.abc import Sequence

from evercert.db.pg.failures import is_ended_by_server, is_lost
from evercert.db.pg.joined import Joined, change_of, portions_of, reading_of
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
        if reads or only.expect is None or not numbered(only.query).changes:
            return [await session.run(only)]
        return [await session.run_guarded(only)]
    if joined := reading_of(statements) if reads else change_of(statements):
        return await _at_once(session, joined, statements)
    try:
        await session.execute("BEGIN")
        rows = [each for portion in portions_of(statements) for each in await _portion(session, portion)]
    except Exception as error:
        if is_lost(error) and not isinstance(error, TimeoutError):
            raise Undone from error
        await session.roll_back()
        raise
    await session.execute("COMMIT")
    return rows


async def _at_once(session: Session, joined: Joined, statements: Sequence[Statement]) -> list[list[Row]]:
    try:
        return await session.run_joined(joined, statements)
    except Exception as error:
        if is_ended_by_server(error):
            raise Undone from error
        raise


async def _portion(session: Session, statements: Sequence[Statement]) -> list[list[Row]]:
    """Some of a transaction's statements, what each returned."""
    if len(statements) > 1 and (joined := change_of(statements)):
        return await session.run_joined(joined, statements)
    return [await session.run(statement) for statement in statements]
