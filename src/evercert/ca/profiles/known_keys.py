"""The operator's list of publicly known keys, mapped into memory: 60 MB of it cost a few pages.

Whoever can write the file can have a good key refused, or a known one certified; whoever shortens it while it is mapped
ends this process (SIGBUS), so it is replaced by a new file and never rewritten.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.host.files import read_bounded
from evercert.pki.blocklist import Blocklist

__all__ = ["known_keys"]

_MAX_NAMES: Final = 1 << 20


class _Collection(msgspec.Struct):
    id: int
    name: str


class _About(msgspec.Struct):
    blocklists: tuple[_Collection, ...] = ()


def known_keys(file: Path) -> Blocklist:
    """The list in *file* (badkeys' `blocklist.dat`), with the collections' names from `badkeysdata.json` beside it,
    where that is there. Raises `not-found` or `bad-input`."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)) if size else memoryview(b"")
    except (OSError, ValueError) as error:
        raise EvercertError("not-found", f"the list of known keys cannot be read: {file}") from error
    return Blocklist(data, _names(file.with_name("badkeysdata.json")))


def _names(file: Path) -> dict[int, str]:
    try:
        about = msgspec.json.decode(read_bounded(file, _MAX_NAMES), type=_About)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise EvercertError("bad-input", f"{file} is not what badkeys writes") from error
    return {each.id: each.name for each in about.blocklists}
