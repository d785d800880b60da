"""Backup and restore: a CA's folder and its database as of one moment, in a sealed file; and back again.

What goes in is named here: the settings, the root's certificate, the issuers with their sealed keys, files that the
settings name, the database. The root's key (`offline/`) never does, the master key only under a passphrase.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from evercert import __version__
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.node.opening import master_key_of, place_of
from evercert.ca.operating.archive import Manifest, OpenArchive, archived, members_of, open_archive
from evercert.ca.setup.settings import CaSettings, load_ca_settings
from evercert.db.snapshot import copy_database
from evercert.host.files import make_private_dir, sync_dir, write_durably, write_new_from

__all__ = ["back_up", "restore"]

_DATABASE: Final = "ca.db"
_ALWAYS: Final = ("ca.toml", "root.pem", "linted.json")
_OF_ISSUERS: Final = ("chain.pem", "chain-*.pem", "key.sealed", "key.uri", "retired")
_MOST: Final = 10_000


def back_up(
    folder: Path,
    file: Path,
    environ: Mapping[str, str],
    *,
    passphrase: Secret | None,
    without_database: bool,
    now: datetime,
    rng: Random,
) -> None:
    """Afterwards *file*, which was not there, is a backup, on the disk and its owner's alone; nobody waited for it.
    With a *passphrase* it opens without the master key. Blocks.

    Raises `bad-input` where the store is in PostgreSQL, unless the database is to be left out, and `exists`."""
    settings = load_ca_settings(folder / "ca.toml")
    place = place_of(folder, settings, environ)
    if not isinstance(place, Path) and not without_database:
        raise EvercertError(
            "bad-input",
            "the store is in PostgreSQL, whose own programs back it up",
            hint="pg_dump --format=custom --file=ca.dump DATABASE, then: evercert ca backup FILE --without-database",
        )
    with TemporaryDirectory(prefix=".evercert-", dir=file.parent.absolute()) as beside:
        files = []
        if isinstance(place, Path) and not without_database:
            # First: whatever it speaks of, the folder has by the time that it is read.
            copy_database(place, Path(beside) / _DATABASE)
            files.append((_DATABASE, Path(beside) / _DATABASE))
        files += [(str(each.relative_to(folder)), each) for each in _files(folder, settings)]
        master_key = master_key_of(folder, settings, environ)
        try:
            write_new_from(file, archived(files, master_key, passphrase, (now, __version__), rng))
        except FileExistsError as error:
            raise EvercertError("exists", f"{file} is there already", hint="backups are never overwritten") from error


def restore(file: Path, folder: Path, master_key: Secret | None, passphrase: Secret | None) -> Manifest:
    """Afterwards *folder*, which was not there, is the CA of that backup, on the disk, its master key too. All of it is
    verified before anything is written. Blocks. Raises `exists`, `sealed`, `bad-input`, `not-found`."""
    if folder.exists():
        raise EvercertError("exists", f"{folder} is there already", hint="a backup is restored into a new folder")
    try:
        octets = file.open("rb")
    except OSError as error:
        raise EvercertError("not-found", f"{file} cannot be read: {(error.strerror or '').lower()}") from error
    with octets:
        archive = open_archive(octets, master_key, passphrase)
        _verify(archive)
        make_private_dir(folder.parent.absolute()) if not folder.parent.exists() else None
        unfinished = folder.with_name(f".{folder.name}.restoring")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            _write(archive, unfinished)
            unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    sync_dir(folder.parent.absolute())
    return archive.manifest


def _files(folder: Path, settings: CaSettings) -> Iterator[Path]:
    named = (*settings.attestation.values(), settings.known_keys, settings.validation.perspective_roots)
    inside = [folder / each for each in named if each]
    of_issuers = (file for kind in _OF_ISSUERS for file in sorted((folder / "issuers").glob(f"*/{kind}")))
    for each in dict.fromkeys((*(folder / name for name in _ALWAYS), *inside, *of_issuers)):
        if each.is_file() and each.resolve().is_relative_to(folder.resolve()):
            yield each


def _verify(archive: OpenArchive) -> None:
    if len(archive.manifest.members) > _MOST:
        raise EvercertError("bad-input", "the backup has more files than a CA has")
    for member, chunks in members_of(archive):
        place = PurePosixPath(member.path)
        if place.is_absolute() or ".." in place.parts or not place.parts or "\0" in member.path:
            raise EvercertError("bad-input", "the backup names a file outside of the CA's folder")
        for _ in chunks:
            pass


def _write(archive: OpenArchive, folder: Path) -> None:
    make_private_dir(folder)
    for member, chunks in members_of(archive):
        place = folder / member.path
        make_private_dir(place.parent)
        write_new_from(place, chunks, 0o644 if place.suffix == ".pem" else 0o600)
    write_durably(folder / "master.key", archive.master_key.reveal().strip() + b"\n", 0o600)
