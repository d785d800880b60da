"""Which client a folder belongs to, told by its layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.migrate.acme_sh import read_acme_sh
from evercert.migrate.certbot import read_certbot
from evercert.migrate.imported import Imported
from evercert.migrate.lego import read_lego

__all__ = ["CLIENTS", "read_client"]

CLIENTS: Final[dict[str, Callable[[Path], Imported]]] = {
    "certbot": read_certbot,
    "lego": read_lego,
    "acme.sh": read_acme_sh,
}


def read_client(root: Path, client: str = "") -> Imported:
    """What the folder of *client* (one of `CLIENTS`, or told by the layout) holds; nothing in it is changed.

    Raises `not-found` where there is no folder or its layout is nobody's, and `bad-input` where it
    may not be read. Bad entries are remarks. Loading RSA keys takes some 40 ms each, so call it in a thread.
    """
    try:
        return _reader(client or _client_of(root))(root)
    except OSError as error:
        what = f"{one_line(str(root))!r} cannot be read: {error.strerror}"
        raise EvercertError("bad-input", what, hint="run this as the user that the other client runs as") from error


def _reader(client: str) -> Callable[[Path], Imported]:
    if client not in CLIENTS:
        raise EvercertError("bad-input", f"{one_line(client)!r} is no client whose folder can be read", hint=_hint())
    return CLIENTS[client]


def _client_of(root: Path) -> str:
    if (root / "renewal").is_dir():
        return "certbot"
    if (root / "ca").is_dir() or (root / "account.conf").is_file():
        return "acme.sh"
    if (root / "certificates").is_dir():
        return "lego"
    raise EvercertError("not-found", f"{one_line(str(root))!r} is not laid out like any client's folder", hint=_hint())


def _hint() -> str:
    return f"name the folder that holds the accounts and certificates of {', '.join(CLIENTS)}"
