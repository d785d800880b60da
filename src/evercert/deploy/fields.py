"""Fields that several targets have, and how they are read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.deploy.generations import Access
from evercert.host.files import find_owner
from evercert.plugins.contracts import Bundle, Endpoint
from evercert.plugins.info import Field, Options

__all__ = [
    "ACCESS_FIELDS",
    "DIR_FIELD",
    "ENDPOINT_FIELD",
    "access_of",
    "endpoints_of",
    "places_of",
    "program_of",
    "root_of",
    "server_names",
]

DIR_FIELD = Field("dir", "folder that gets live/ and generations/; a private one of ours if not given")
ENDPOINT_FIELD = Field("endpoint", "where to prove it: host:port, several with commas")
ACCESS_FIELDS = (
    Field("owner", "user that owns the files"),
    Field("group", "group that may read the key"),
)


def root_of(options: Options, state: Path) -> Path:
    """The folder that holds `live/`: the user's, else the target's own."""
    if not options["dir"]:
        return state
    root = Path(options["dir"])
    if not root.is_absolute():
        raise EvercertError("bad-input", f"dir is an absolute path, not {options['dir']!r}")
    return root


def access_of(options: Options) -> Access:
    """Who may read the key; raises `bad-input` for a user or group that is not there."""
    owner, group = options["owner"], options["group"]
    return Access(find_owner(owner, group), 0o640 if group else 0o600)


def program_of(options: Options, field: str) -> list[str]:
    """A program and its arguments as written for a shell, which it never meets."""
    try:
        return shlex.split(options[field])
    except ValueError as error:
        raise EvercertError("bad-input", f"{field}: {error}: {options[field]!r}") from error


def endpoints_of(options: Options, bundle: Bundle) -> list[Endpoint]:
    """Every `endpoint` of the user's, asked for each name (of a wildcard, one under it)."""
    return [Endpoint(host, port, name) for host, port in places_of(options) for name in server_names(bundle)]


def places_of(options: Options) -> list[tuple[str, int]]:
    """Host and port of every `endpoint` of the user's. Raises `bad-input`."""
    return [_place(text.strip()) for text in options["endpoint"].split(",") if text.strip()]


def server_names(bundle: Bundle) -> Sequence[str]:
    """What a client asks for in its ClientHello; nothing for an IP address (RFC 6066 §3)."""
    names = [
        "" if each.type == "ip" else f"evercert-proof.{each.base}" if each.wildcard else each.value
        for each in bundle.identifiers
    ]
    return list(dict.fromkeys(names))


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise EvercertError("bad-input", f"endpoint is host:port, not {text!r}", hint="for example 192.0.2.7:443")
    return host.strip("[]"), int(port)
