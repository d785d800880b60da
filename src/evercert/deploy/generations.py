"""Certificates as files, in the layout that certbot users know, swapped as one unit.

    live/<name>                     one link, to the generation in use
    generations/<name>/<n>/         cert.pem chain.pem fullchain.pem privkey.pem combined.pem

Key, certificate and chain change at one moment, because the link is all that changes.

Trust: whoever can change these files can change what is served; whoever can read them has
the key. Folders are 0700 and keys 0600, unless the user names a group that may read them.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.host.files import (
    FileLock,
    Owner,
    read_bounded,
    remove_durably,
    swap_link,
    sync_dir,
    write_durably,
    write_new,
)
from evercert.model.terms import MERGED
from evercert.pki.cert import read_certificate
from evercert.pki.chain import check_issued, split_pem
from evercert.pki.keys import load_der
from evercert.plugins.contracts import Bundle

__all__ = ["Access", "Generations", "check_bundle", "folder_name"]

# The last few stay for a roll back by hand; a key that is no longer needed is better gone.
_KEPT = 3
_MAX_FACTS = 4096
_IDENTIFIER: Final = re.compile(r"(\*\.)?[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,177}")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
# As the folder of another name may look; where no letter was replaced it has no digest.
_DIGESTED: Final = re.compile(r".*_.*-[0-9a-f]{16}")

# Other processes' locks are waited for in real time, whatever time the rest of the program is given.
_CLOCK: Final = SystemClock()
_PATIENCE = 20.0
_LOOK = 0.01


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read the keys: the owner alone, or a group too."""

    owner: Owner | None = None
    key_mode: int = 0o600

    @property
    def folder_mode(self) -> int:
        return 0o750 if self.key_mode & 0o040 else 0o700

    @property
    def above_mode(self) -> int:
        return 0o755 if self.key_mode & 0o040 else 0o700


class _Facts(msgspec.Struct, frozen=True):
    """What a generation is, in its `about.json`, which is written last: if it can be read, all is there."""

    issued_id: int
    fingerprint: str
    not_before: datetime


class Generations:
    """The generations of one certificate under *root*. Owned by one target; not for two at once."""

    def __init__(self, root: Path, name: str, access: Access | None = None) -> None:
        self._name = folder_name(name)
        self._access = access or Access()
        self._live = root / "live"
        self._folder = root / "generations" / self._name
        self._settled = self._folder / "settled"

    @property
    def live(self) -> Path:
        """Where the files in use are found: a path that never changes."""
        return self._live / self._name

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where something is made and changed; they need not be there yet."""
        return self._live, self._folder

    def stage(self, bundle: Bundle, now: datetime) -> Path:
        """The folder where the bundle's files are, complete and durable. Idempotent.

        Raises `bad-certificate` if they do not belong together, and `deploy` if what is in use is newer.
        """
        view = read_certificate(bundle.leaf_der)
        facts = _Facts(bundle.issued_id, view.fingerprint, view.not_before)
        check_bundle(bundle, now)
        self._make_folders()
        with self._alone():
            self._refuse_older(facts, bundle)
            self._remove_unfinished()
            return self._find(facts.fingerprint) or self._write(bundle, facts)

    def swap(self, bundle: Bundle) -> None:
        """Afterwards the bundle's generation is the one in use, durably. Idempotent.

        Raises `deploy` if what is in use is newer: since the staging this process may have stood still, and lost its
        lease, while another one went on.
        """
        with self._alone():
            folder = self._find(sha256(bundle.leaf_der).hexdigest())
            facts = _facts_of(folder) if folder else None
            if folder is None or facts is None:
                raise EvercertError("deploy", "the certificate was not staged", name=bundle.name)
            self._refuse_older(facts, bundle)
            swap_link(self.live, self._target_of(folder))

    def roll_back(self, bundle: Bundle | None = None) -> None:
        """Afterwards the generation that was settled last is in use, or none if there was none; but what is newer than
        *bundle* stays, for it is somebody else's, who went on while this process stood still. Idempotent."""
        with self._alone():
            used = _facts_of(current) if (current := self.current()) else None
            if bundle and used and used.issued_id > bundle.issued_id:
                return
            settled = self._settled_folder()
            if settled is not None:
                swap_link(self.live, self._target_of(settled))
            elif self._folder.exists():
                remove_durably(self.live)

    def settle(self) -> None:
        """Afterwards the generation in use is what `roll_back` returns to; old ones are gone."""
        with self._alone():
            current = self.current()
            if current is None:
                return
            write_durably(self._settled, current.name.encode(), 0o600)
            others = [each for each in self._finished() if each != current]
            outdated = others[: -(_KEPT - 1)]
            for old in outdated:
                shutil.rmtree(old)
            if outdated:
                sync_dir(self._folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Inside, no other process changes these generations: one that stood still past its lease may go on at any
        line. Each step takes milliseconds, so whoever holds it for longer stands still himself."""
        if not self._folder.exists():
            yield
            return
        lock, until = FileLock(self._folder), _CLOCK.monotonic() + _PATIENCE
        while not lock.try_lock():
            if _CLOCK.monotonic() >= until:
                raise EvercertError("conflict", f"another process has held {self._folder} for {_PATIENCE:g} seconds")
            _CLOCK.sleep_blocking(_LOOK)
        try:
            yield
        finally:
            lock.unlock()

    def current(self) -> Path | None:
        """The folder of the generation in use."""
        if not self.live.is_symlink():
            return None
        folder = self._folder / self.live.readlink().name
        return folder if folder.is_dir() else None

    def _refuse_older(self, facts: _Facts, bundle: Bundle) -> None:
        """A task that waited long must not undo a newer one. Both marks count: a store that was
        made anew numbers from one again, and CAs backdate by different spans."""
        current = self.current()
        used = _facts_of(current) if current else None
        if used and used.issued_id > facts.issued_id and used.not_before >= facts.not_before:
            raise EvercertError("deploy", "a newer certificate is installed already", name=bundle.name)

    def _make_folders(self) -> None:
        for folder in (self._live, self._folder.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._access.above_mode & ~folder.stat().st_mode:
                folder.chmod(self._access.above_mode)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._open_folder(self._folder)

    def _open_folder(self, folder: Path) -> None:
        if self._access.owner is not None:
            os.chown(folder, self._access.owner.user, self._access.owner.group)
        folder.chmod(self._access.folder_mode)

    def _write(self, bundle: Bundle, facts: _Facts) -> Path:
        folder = self._folder / str(max([0, *(int(each.name) for each in self._numbered())]) + 1)
        folder.mkdir(mode=0o700)
        try:
            self._fill(folder, bundle)
            write_new(folder / "about.json", msgspec.json.encode(facts), 0o600)
            sync_dir(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_dir(self._folder)
        return folder

    def _fill(self, folder: Path, bundle: Bundle) -> None:
        owner, key_mode = self._access.owner, self._access.key_mode
        for name, text in (("cert", bundle.leaf_pem), ("chain", bundle.chain_pem), ("fullchain", bundle.fullchain_pem)):
            write_new(folder / f"{name}.pem", text.encode(), 0o644, owner)
        if bundle.private_key is not None:
            key = bundle.private_key.reveal()
            write_new(folder / "privkey.pem", key, key_mode, owner)
            write_new(folder / "combined.pem", bundle.fullchain_pem.encode() + key, key_mode, owner)
        self._open_folder(folder)

    def _remove_unfinished(self) -> None:
        for folder in self._numbered():
            if _facts_of(folder) is None:
                shutil.rmtree(folder)

    def _find(self, fingerprint: str) -> Path | None:
        return next((each for each, facts in self._finished().items() if facts.fingerprint == fingerprint), None)

    def _numbered(self) -> list[Path]:
        """The generations' folders, finished or not, the oldest first."""
        try:
            found = [each for each in self._folder.iterdir() if each.name.isdecimal()]
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda each: int(each.name))

    def _finished(self) -> dict[Path, _Facts]:
        """The folders of those that are whole, the oldest first, with what they are."""
        return {each: facts for each in self._numbered() if (facts := _facts_of(each))}

    def _settled_folder(self) -> Path | None:
        try:
            folder = self._folder / read_bounded(self._settled, 20).decode("ascii")
        except (FileNotFoundError, ValueError):
            return None
        return folder if folder in self._finished() else None

    def _target_of(self, folder: Path) -> str:
        return f"../generations/{self._name}/{folder.name}"


@lru_cache(maxsize=256)
def folder_name(name: str) -> str:
    """A certificate's name as a folder's: what could leave the folder or hide in it is replaced. A host's name, a
    wildcard and an address stay as they are read; of any other name a digest keeps two from having one folder."""
    safe = _UNSAFE.sub("_", name)[:180]
    safe = f"_{safe}" if not safe or safe[0] in ".-" else safe
    is_plain = _IDENTIFIER.fullmatch(name) and _read_back(safe) == name and not _DIGESTED.fullmatch(safe)
    return safe if is_plain else f"{safe}-{sha256(name.encode()).hexdigest()[:16]}"


def _read_back(folder: str) -> str:
    """The one name that may have that folder without a digest."""
    for beginning in ("*.", MERGED):
        if folder.startswith(replaced := _UNSAFE.sub("_", beginning)):
            return beginning + folder.removeprefix(replaced)
    try:
        ip_address(address := folder.replace("_", ":"))
    except ValueError:
        return folder
    return address


def check_bundle(bundle: Bundle, now: datetime) -> None:
    """Raises `bad-certificate` unless key, certificate, chain and names belong together and it is valid now."""
    chain = (bundle.leaf_der, *(split_pem(bundle.chain_pem.encode()) if bundle.chain_pem else ()))
    if bundle.private_key is None:
        spki = read_certificate(bundle.leaf_der).spki
    else:
        # The key comes out of our own store, sealed: the slow check for weak RSA is not needed again.
        spki = load_der(_der(bundle.private_key), trusted=True).spki
    check_issued(chain, spki, bundle.identifiers, now, exactly=not bundle.is_shared)


def _der(pem: Secret) -> bytes:
    lines = pem.reveal().strip().splitlines()
    return base64.b64decode(b"".join(lines[1:-1]))


def _facts_of(folder: Path) -> _Facts | None:
    try:
        return msgspec.json.decode(read_bounded(folder / "about.json", _MAX_FACTS), type=_Facts)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
