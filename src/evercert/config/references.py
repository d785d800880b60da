"""Secrets by reference: an intent, a setting or a command line says where a secret is, never what it is.

`env:NAME` is a variable, `file:/path` a file (its final line break is not part of the secret),
`cred:NAME` a systemd credential of the running unit, `exec:/path/to/program argument ...` what that
program says (run with our environment and without a shell). Whoever can change what a reference
points to can make us use a key of theirs; whoever can read it has the secret; whoever can write an
`exec:` runs a program with our rights.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["is_reference", "resolve"]

# The largest secret that a provider takes is a service account's JSON of some 3 kB.
_MAX_SECRET = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,255}")
_SCHEMES = ("env:", "file:", "cred:", "exec:")
# A password store asks its server over a network; nobody is waited for longer.
_EXEC_SECONDS = 10.0

_log = logging.getLogger(__name__)


def is_reference(text: str) -> bool:
    return text.startswith(_SCHEMES)


def resolve(reference: str, environ: Mapping[str, str]) -> Secret:
    """The secret that *reference* points to.

    Raises `not-found` where nothing is there and `bad-input` where it is no reference; a secret
    that was written out by mistake is not repeated in the message.
    """
    scheme, _, rest = reference.partition(":")
    if not is_reference(reference) or not rest:
        raise EvercertError(
            "bad-input",
            "a secret is given by reference, not written out",
            hint="write env:NAME, file:/path, cred:NAME or exec:/path/to/program",
        )
    if scheme == "env":
        return _variable(rest, environ)
    if scheme == "exec":
        return _said(rest, environ)
    return _file(Path(rest)) if scheme == "file" else _credential(rest, environ)


def _variable(name: str, environ: Mapping[str, str]) -> Secret:
    if not environ.get(name):
        raise EvercertError(
            "not-found", f"the variable {name[:100]!r} is not set", hint="export it, or refer to a file with file:/path"
        )
    return Secret(environ[name])


def _said(command: str, environ: Mapping[str, str]) -> Secret:
    from evercert.host.told import told_by  # most references are to no program, and every command reads this module

    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise EvercertError("bad-input", "an exec: reference has a quotation that does not end") from error
    if not argv or not Path(argv[0]).is_absolute():
        hint = "write exec:/path/to/program argument ..."
        raise EvercertError("bad-input", "an exec: reference names its program by its whole path", hint=hint)
    said = told_by(argv, environ, timeout=_EXEC_SECONDS, limit=_MAX_SECRET)
    if not said.strip():
        raise EvercertError("not-found", f"{argv[0]} says nothing")
    return Secret(said.removesuffix(b"\n").removesuffix(b"\r"))


def _credential(name: str, environ: Mapping[str, str]) -> Secret:
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise EvercertError(
            "not-found",
            f"there is no credential {name[:100]!r}: this is not a systemd unit with credentials",
            hint="add LoadCredential= or LoadCredentialEncrypted= to the unit; by hand, let CREDENTIALS_DIRECTORY say"
            " in which folder it is",
        )
    # A name, not a path: systemd's own rule (systemd.exec(5)), and it keeps us in the folder.
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise EvercertError("bad-input", f"{name[:100]!r} is not a credential's name")
    return _read(Path(folder) / name)


def _file(path: Path) -> Secret:
    if not path.is_absolute():
        raise EvercertError("bad-input", f"file:{str(path)[:200]} is not absolute", hint="write file:/path/to/secret")
    return _read(path)


def _read(path: Path) -> Secret:
    try:
        # Not blocking: somebody's pipe at that path must not stop us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise EvercertError("not-found", f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path that no system can hold: NUL, lone surrogates
        raise EvercertError("bad-input", f"{str(path)[:200]!r} is not a path") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise EvercertError("bad-input", f"{path} is not a file")
        secret = os.read(descriptor, _MAX_SECRET + 1)
    finally:
        os.close(descriptor)
    if len(secret) > _MAX_SECRET:
        raise EvercertError("too-large", f"{path} has more than {_MAX_SECRET} bytes")
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        _log.warning("%s holds a secret and can be read by others: chmod 600 it", path)
    return Secret(secret.removesuffix(b"\n").removesuffix(b"\r"))
