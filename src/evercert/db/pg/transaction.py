"""One transaction on one session."""

from __future__ import annotations

from collections.abc import Sequence

from evercert.db.pg.failures import is_ended_by_server, is_lost
from evercert.db.pg.joined import joined, portions_of
from evercert.db.pg.numbered import numbered
from evercert.db.pg.session import Session
from evercert.db.protocol import Row, Statement

__all__ = ["Undone", "transaction"]


class Undone(ConnectionError):
    """The session ended before its transaction was to be committed: nothing was kept, and it may be done again."""


async def transaction(session: Session, statements: Sequence[Statement], *, reads: bool) -> list[list[Row]]:
    """What each statement returned; afterwards all of them are durable, or (after any error but a lost session at the
    very end) none is. *reads*: nothing could be undone."""
    portions = portions_of(statements, reads=reads)
    if len(portions) < 2:
        return await _at_once(session, statements, reads)
    try:
        await session.execute("BEGIN")
        rows = [each for portion in portions for each in await _together(session, portion, reads)]
    except Exception as error:
        if is_lost(error) and not isinstance(error, TimeoutError):
            raise Undone from error
        await session.roll_back()
        raise
    await session.execute("COMMIT")
    return rows


async def _at_once(session: Session, statements: Sequence[Statement], reads: bool) -> list[list[Row]]:
    """The same of one portion alone, or of nothing."""
    match statements:
        case []:
            return []
        case [only] if reads or only.expect is None or not numbered(only.query).changes:
            return [await session.run(only)]
        case [only]:
            return [await session.run_guarded(only)]
    try:
        return await _together(session, statements, reads)
    except Exception as error:
        if is_ended_by_server(error):
            raise Undone from error
        raise


async def _together(session: Session, portion: Sequence[Statement], reads: bool) -> list[list[Row]]:
    if len(portion) == 1:
        return [await session.run(portion[0])]
    return await session.run_joined(joined(portion, reads=reads), portion)
