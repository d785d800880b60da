"""A PostgreSQL of the demonstration's own: in a temporary folder, on a socket there, with a password."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.demo.programs import end, start
from evercert.host.files import write_durably

__all__ = ["PrivatePostgres"]

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_PATIENCE = 30.0
# "Fast": whoever is connected is cut off, and not waited for.
_ENDS_BY = signal.SIGINT


class PrivatePostgres:
    """Made in *folder*, which is its own. PostgreSQL refuses to run as root, so root lends it its package's user."""

    def __init__(self, ending: AsyncExitStack, folder: Path) -> None:
        self._initdb, self._postgres = _program("initdb"), _program("postgres")
        self._ending = ending
        self._folder = folder
        self._user = _user_of_its_own()
        self._password = Secret(secrets.token_urlsafe(24).encode())
        self._server: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> Secret:
        """Where it is, with the password."""
        return Secret(f"postgresql://postgres:{self._password.text()}@/postgres?host={self._folder}".encode())

    async def make(self) -> None:
        """Afterwards there is an empty database, and it answers."""
        given = self._folder / "password"
        write_durably(given, self._password.reveal(), 0o600)
        if self._user is not None:
            for place in (self._folder, given):
                os.chown(place, self._user, -1)
            # That user passes through the folder around, and cannot list it.
            self._folder.parent.chmod(0o711)
        argv = [self._initdb, "-D", str(self._folder / "data"), "-U", "postgres", "-A", "scram-sha-256"]
        argv += ["--pwfile", str(given), "--encoding=UTF8", "--locale=C", "--no-sync"]
        making = await start(self._ending, argv, log=self._folder / "log", user=self._user)
        await making.communicate()
        given.unlink()
        if making.returncode:
            raise EvercertError("unreachable", f"initdb failed: {self._last_words()}")
        await self.start()

    async def start(self) -> None:
        """Afterwards it runs; whoever comes a moment too early comes again."""
        argv = [self._postgres, "-D", str(self._folder / "data"), "-k", str(self._folder), "-h", ""]
        log = self._folder / "log"
        self._server = await start(self._ending, argv, log=log, user=self._user, ends_by=_ENDS_BY)
        async with asyncio.timeout(_PATIENCE):
            while not (self._folder / ".s.PGSQL.5432").exists():
                if self._server.returncode is not None:
                    raise EvercertError("unreachable", f"PostgreSQL did not start: {self._last_words()}")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Afterwards it is away; whoever was connected was cut off."""
        if self._server is not None:
            await end(self._server, _ENDS_BY)

    def _last_words(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


def _program(name: str) -> str:
    """Its path, the newest where there are several. Raises `not-found`."""
    found = shutil.which(name)
    if found is None:
        places = [path for pattern in _FOLDERS for path in Path("/").glob(f"{pattern[1:]}/{name}")]
        found = str(max(places, key=lambda path: path.stat().st_mtime)) if places else None
    if found is None:
        hint = "install PostgreSQL's server (Debian: apt-get install postgresql), or run `make peers`"
        raise EvercertError("not-found", f"PostgreSQL's program {name} is not installed", hint=hint)
    return found


def _user_of_its_own() -> int | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        hint = "run this as another user than root"
        raise EvercertError("not-found", "PostgreSQL does not run as root, and has no user here", hint=hint) from None
