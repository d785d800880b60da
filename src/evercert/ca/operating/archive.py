"""A CA in one file: what it needs to go on elsewhere, sealed.

    line       "evercert ca backup 1"
    head       its length (4), JSON: the archive's key sealed by the master key; the master key under a passphrase, if
               that was wanted
    pieces     sealed: a manifest's length (4), the manifest (JSON), the octets of its files one after the other

Trust: whoever has it and the master key has what the CA's folder is worth. Whoever has it alone has nothing, and
cannot change it unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, TypeVar

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.seal import Sealer
from evercert.pki.sealed_stream import KEY_OCTETS, opened, sealed
from evercert.pki.wrapping import unwrap, wrap

__all__ = ["Manifest", "Member", "OpenArchive", "archived", "members_of", "open_archive"]

T = TypeVar("T")

_LINE: Final = b"evercert ca backup 1\n"
_CONTEXT: Final = "backup of a ca"
_READ: Final = 1 << 20
_MAX_HEAD: Final = 64 * 1024
_MAX_MANIFEST: Final = 16 << 20


class Member(msgspec.Struct, frozen=True):
    """One file: its place below the CA's folder, its length, its SHA-256."""

    path: str
    octets: int
    digest: str


class Manifest(msgspec.Struct, frozen=True):
    created_at: datetime
    version: str
    members: tuple[Member, ...]


class _Head(msgspec.Struct, frozen=True):
    key: bytes
    master_key: bytes = b""


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """An archive whose key is at hand; its content may be read again and again."""

    manifest: Manifest
    master_key: Secret
    _file: BinaryIO
    _start: int
    _key: Secret
    _about: bytes

    def pieces(self) -> Iterator[bytes]:
        """All octets of all files, one after the other, each piece authenticated."""
        self._file.seek(self._start)
        stream = opened(self._file, self._key, self._about)
        skip = -1
        held = b""
        for piece in stream:
            held += piece
            if skip < 0 and len(held) >= 4:
                skip = 4 + int.from_bytes(held[:4])
            if 0 <= skip <= len(held):
                yield held[skip:]
                break
        yield from stream


def archived(
    files: Sequence[tuple[str, Path]],
    master_key: Secret,
    passphrase: Secret | None,
    about: tuple[datetime, str],
    rng: Random,
) -> Iterator[bytes]:
    """The archive's octets, of files that do not change meanwhile. *about*: when it is made, and by which version."""
    manifest = Manifest(*about, tuple(_member(place, file) for place, file in files))
    key = Secret(rng.randbytes(KEY_OCTETS))
    wrapped = wrap(master_key, passphrase) if passphrase else b""
    head = msgspec.json.encode(_Head(Sealer(master_key).seal(key.reveal(), _CONTEXT), wrapped))
    yield _LINE + len(head).to_bytes(4) + head
    yield from sealed(_content(manifest, files), key, sha256(head).digest())


def open_archive(file: BinaryIO, master_key: Secret | None, passphrase: Secret | None) -> OpenArchive:
    """The archive, whose manifest is read and right. Raises `sealed` for another key, and `bad-input` for what is no
    archive, or where neither key is given."""
    head = _head(file)
    decoded = _decoded(head, _Head)
    if master_key is None:
        master_key = _unwrapped(decoded, passphrase)
    key, about, start = Sealer(master_key).open(decoded.key, _CONTEXT), sha256(head).digest(), file.tell()
    held = b""
    for piece in opened(file, key, about):
        held += piece
        length = int.from_bytes(held[:4])
        if length > _MAX_MANIFEST:
            break
        if len(held) >= 4 + length:
            manifest = _decoded(held[4 : 4 + length], Manifest)
            return OpenArchive(manifest, master_key, file, start, key, about)
    raise _no_archive()


def members_of(archive: OpenArchive) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each file and its octets, to be read in that order and whole. Raises `sealed` where one of them is not what the
    manifest says."""
    reader = _Reader(archive.pieces())
    for member in archive.manifest.members:
        yield member, reader.take(member)
    if not reader.is_empty():
        raise EvercertError("sealed", "there is more in the archive than its manifest says")


class _Reader:
    """Octets, taken in the portions of the files that they are."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def take(self, member: Member) -> Iterator[bytes]:
        left, digest = member.octets, sha256()
        while left:
            self._held = self._held or next(self._pieces, b"")
            if not self._held:
                raise EvercertError("sealed", f"{member.path} is cut off")
            portion, self._held = self._held[:left], self._held[left:]
            digest.update(portion)
            left -= len(portion)
            yield portion
        if digest.hexdigest() != member.digest:
            raise EvercertError("sealed", f"{member.path} is not what the manifest says")

    def is_empty(self) -> bool:
        return not self._held and not any(self._pieces)


def _member(place: str, file: Path) -> Member:
    digest, octets = sha256(), 0
    for chunk in _chunks(file):
        digest.update(chunk)
        octets += len(chunk)
    return Member(place, octets, digest.hexdigest())


def _content(manifest: Manifest, files: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    encoded = msgspec.json.encode(manifest)
    yield len(encoded).to_bytes(4) + encoded
    for _, file in files:
        yield from _chunks(file)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as octets:
        while chunk := octets.read(_READ):
            yield chunk


def _head(file: BinaryIO) -> bytes:
    if file.read(len(_LINE)) != _LINE:
        raise _no_archive()
    length = int.from_bytes(file.read(4))
    if length > _MAX_HEAD:
        raise _no_archive()
    return file.read(length)


def _unwrapped(head: _Head, passphrase: Secret | None) -> Secret:
    if not head.master_key:
        raise EvercertError("bad-input", "the master key is not in this backup", hint="give it: --master-key file:PATH")
    if passphrase is None:
        raise EvercertError("bad-input", "neither the master key nor a passphrase is given", hint="--passphrase REF")
    return unwrap(head.master_key, passphrase)


def _decoded(octets: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(octets, type=kind)
    except msgspec.MsgspecError as error:
        raise _no_archive() from error


def _no_archive() -> EvercertError:
    return EvercertError("bad-input", "that is no backup of a CA", hint="evercert ca backup FILE makes one")
