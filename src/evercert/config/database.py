"""Where a database is, from the words of a setting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.config.references import is_reference, resolve

if TYPE_CHECKING:  # not at run time: commands that open no store need not load what one needs
    from evercert.db.opening import Place

__all__ = ["database_place"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_OURS: Final = ("postgresql://", "postgres://")
# A slip in one of ours, and no path that anybody means.
_NEARLY: Final = re.compile(r"postgres\w*:?/{0,2}[^/]*@")
_PASSWORD: Final = re.compile(r"://[^/?#]*:[^/?#]*@|[?&]password=")


def database_place(database: str, password: str, default: Path, environ: Mapping[str, str]) -> Place:
    """*default* where *database* is empty; else the file that it names, or PostgreSQL's URL, which may be given by
    reference. The password that *password* refers to, if there is one, becomes part of the URL.

    Raises `bad-input` for another URL and for a password that is written out, and what `resolve` raises.
    """
    if not database:
        return default
    if is_reference(database):
        return _with_password(resolve(database, environ).text(), password, environ)
    if not (_SCHEME.match(database) or _NEARLY.match(database)):
        return Path(database).expanduser().absolute()
    if not database.startswith(_OURS):
        raise EvercertError(
            "bad-input", "the database is a file or PostgreSQL", hint="write a path, or postgresql://USER@HOST/DATABASE"
        )
    if _PASSWORD.search(database):
        raise EvercertError(
            "bad-input",
            "a password is given by reference, not written out in the database's URL",
            hint="leave it out of the URL and refer to it: env:NAME, file:/path, cred:NAME or exec:/path",
        )
    return _with_password(database, password, environ)


def _with_password(url: str, password: str, environ: Mapping[str, str]) -> Secret:
    if not password:
        return Secret(url)
    quoted = quote(resolve(password, environ).text(), safe="")
    return Secret(f"{url}{'&' if '?' in url else '?'}password={quoted}")
