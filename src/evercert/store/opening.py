"""Opening the store: one file on this machine, or a database of PostgreSQL's."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database
from evercert.store.schema import MIGRATIONS

__all__ = ["open_store"]


def open_store(place: Place) -> AbstractAsyncContextManager[Database]:
    """The store there, made or brought up to date if need be; closed afterwards."""
    return open_database(place, MIGRATIONS)
