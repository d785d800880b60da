"""What this machine trusts: its store of root certificates, which most programs read.

One table of the stores that there are. Trust: whoever can put a root there can be every server to every program that
reads it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.host.files import remove_durably, write_durably
from evercert.host.programs import SystemPrograms

__all__ = ["STORES", "TrustStore", "distrust", "store_here", "trust"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,100}")


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A folder of roots, and the program that makes what is in it count. `forget` is run before a file goes, where the
    program has to be told of it by name (`{file}`)."""

    name: str
    folder: Path
    suffix: str
    refresh: tuple[str, ...]
    forget: tuple[str, ...] = ()

    def file(self, called: str) -> Path:
        """Raises `bad-input` for what is no name."""
        if not _NAME.fullmatch(called):
            raise EvercertError("bad-input", "a root is called by lower-case letters, digits, dots and hyphens")
        return self.folder / f"{called}{self.suffix}"


_KEYCHAIN: Final = "/Library/Keychains/System.keychain"

STORES: Final = (
    TrustStore("Fedora, RHEL", Path("/etc/pki/ca-trust/source/anchors"), ".pem", ("update-ca-trust", "extract")),
    TrustStore("openSUSE", Path("/etc/pki/trust/anchors"), ".pem", ("update-ca-certificates",)),
    TrustStore("Debian, Ubuntu, Alpine", Path("/usr/local/share/ca-certificates"), ".crt", ("update-ca-certificates",)),
    TrustStore("Arch", Path("/etc/ca-certificates/trust-source/anchors"), ".crt", ("trust", "extract-compat")),
    TrustStore(
        "macOS",
        Path("/usr/local/share/evercert"),
        ".pem",
        ("security", "add-trusted-cert", "-d", "-k", _KEYCHAIN, "{file}"),
        ("security", "remove-trusted-cert", "-d", "{file}"),
    ),
)


def store_here(stores: Sequence[TrustStore] = STORES) -> TrustStore:
    """This machine's: the first whose program and folder (or what that is in) are there. Raises `not-found`."""
    for store in stores:
        if shutil.which(store.refresh[0], path=_PATH) and (store.folder.exists() or store.folder.parent.exists()):
            return store
    known = "; ".join(store.name for store in stores)
    words = f"this machine's trust store is none that is known here ({known})"
    raise EvercertError("not-found", words, hint="import the root by hand: `evercert ca trust show` prints it")


_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


async def trust(store: TrustStore, called: str, pem: str) -> Path:
    """Afterwards the root is trusted; where its file lies. Idempotent. Raises `program`, `store`."""
    file = store.file(called)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, pem.encode(), 0o644)
    except PermissionError as error:
        words = f"the trust store {store.folder} may not be written"
        raise EvercertError("store", words, hint="run this as root") from error
    await _run(store.refresh, file)
    return file


async def distrust(store: TrustStore, called: str) -> bool:
    """Afterwards the root is not trusted on our account; whether it was. Idempotent. Raises `program`."""
    file = store.file(called)
    if not file.exists():
        return False
    if store.forget:
        await _run(store.forget, file)
    remove_durably(file)
    if not store.forget:
        await _run(store.refresh, file)
    return True


async def _run(argv: Sequence[str], file: Path) -> None:
    done = await SystemPrograms().run([word.format(file=file) for word in argv], timeout=120)
    if done.status:
        words = f"{argv[0]} ended with status {done.status}: {one_line(done.output[-400:])}"
        raise EvercertError("program", words, hint="run this as root")
