"""The key that seals all other keys.

Trust: whoever reads it and the store has every private key. It is made on first use where it
is a file of ours (0600, from the first byte), and never where it is somebody else's to give.
"""

from __future__ import annotations

from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.config.references import resolve
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.host.files import write_durably
from evercert.pki.seal import new_master_key
from evercert.store import keys

__all__ = ["open_master_key"]


async def open_master_key(settings: Settings, db: Database) -> Secret:
    """The master key; afterwards it is durable. Raises `sealed` if keys are in the store but theirs is gone."""
    missing = _missing_file(settings.master_key_reference)
    if missing is not None and await keys.are_there(db):
        raise EvercertError(
            "sealed",
            f"the master key {missing} is gone, and the keys in the store cannot be opened without it",
            hint="put it back from your backup, or name it with EVERCERT_MASTER_KEY",
        )
    if missing is not None:
        write_durably(missing, new_master_key().reveal() + b"\n", 0o600)
    return resolve(settings.master_key_reference, settings.environ)


def _missing_file(reference: str) -> Path | None:
    """The file that the reference names, if it is not there."""
    kind, _, place = reference.partition(":")
    return Path(place) if kind == "file" and not Path(place).exists() else None
