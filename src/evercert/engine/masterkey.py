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
from evercert.host.files import write_durably
from evercert.pki.seal import new_master_key

__all__ = ["open_master_key"]


def open_master_key(settings: Settings) -> Secret:
    """The master key; afterwards it is durable. Raises `sealed` if the store is there but its key is gone."""
    kind, _, place = settings.master_key_reference.partition(":")
    if kind == "file" and not Path(place).exists():
        _make(Path(place), settings)
    return resolve(settings.master_key_reference, settings.environ)


def _make(path: Path, settings: Settings) -> None:
    if (settings.home / ".sealed").exists():
        raise EvercertError(
            "sealed",
            f"the master key {path} is gone, and the keys in the store cannot be opened without it",
            hint="put it back from your backup, or name it with EVERCERT_MASTER_KEY",
        )
    write_durably(path, new_master_key().reveal() + b"\n", 0o600)
    write_durably(settings.home / ".sealed", b"keys in this store are sealed with a master key\n", 0o600)
