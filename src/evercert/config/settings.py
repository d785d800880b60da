"""How this installation runs: one table of settings, each with its environment variable.

What certificates are wanted is not here (that is an intent, in the store); a setting is about
the machine. The command line's options and `docs/settings.md` are made from `SETTINGS`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evercert.base.errors import EvercertError
from evercert.config.database import database_place

if TYPE_CHECKING:  # not at run time: commands that open no store need not load what one needs
    from evercert.db.opening import Place

__all__ = ["SETTINGS", "Setting", "Settings", "load_settings"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, variable, default as it is shown to people, and what it does."""

    name: str
    variable: str
    default: str
    help: str


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("home", "EVERCERT_HOME", "", "folder of the store, the keys and the installed certificates"),
    Setting(
        "ca",
        "EVERCERT_CA",
        "letsencrypt",
        "the CA where none is named: an id from `evercert ca list --known`, or a directory URL",
    ),
    Setting(
        "config",
        "EVERCERT_CONFIG",
        "",
        "the declaration that `evercert run` follows: a file or a folder; `plan`, `apply` and `explain` read"
        " evercert.toml where none is named",
    ),
    Setting(
        "master_key",
        "EVERCERT_MASTER_KEY",
        "",
        "reference to the key that seals all others: file:PATH, cred:NAME or exec:PROGRAM",
    ),
    Setting(
        "database",
        "EVERCERT_DATABASE",
        "",
        "where the store is: a file, postgresql://USER@HOST/DATABASE (over a network that others share, with"
        " ?sslmode=verify-full&sslrootcert=PATH), or a reference to such a URL; default: evercert.db in the home",
    ),
    Setting(
        "database_password",
        "EVERCERT_DATABASE_PASSWORD",
        "",
        "reference to the password for PostgreSQL: env:NAME, file:PATH, cred:NAME or exec:PROGRAM",
    ),
    Setting(
        "concurrency",
        "EVERCERT_CONCURRENCY",
        "64",
        "how many certificates a process works on at once; what takes longer than a minute waits for somebody, and is"
        " not counted any more",
    ),
    Setting(
        "lease",
        "EVERCERT_LEASE",
        "60",
        "for how many seconds a process that is not seen any more keeps its work from those of other machines; with"
        " less than 15, a busy one loses what it is at",
    ),
    Setting("resolvers", "EVERCERT_RESOLVERS", "", "DNS servers to ask, comma separated; default: /etc/resolv.conf"),
    Setting("proxy", "HTTPS_PROXY", "", "HTTP proxy for requests to CAs and DNS providers"),
)

# Where everything is that no setting has put elsewhere, for root and for users without a home.
_SYSTEM_HOME: Final = Path("/var/lib/evercert")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. `environ` is kept for secrets given by reference (`env:NAME`)."""

    home: Path
    ca: str
    config: str
    master_key: str
    database: str
    database_password: str
    concurrency: int
    lease: int
    resolvers: tuple[str, ...]
    proxy: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def declaration(self) -> Path:
        """The file or folder that declares what is wanted."""
        return Path(self.config or "evercert.toml").expanduser()

    @property
    def master_key_reference(self) -> str:
        """The reference that was given, or else to a file in the home."""
        return self.master_key or f"file:{self.home / 'master.key'}"

    @property
    def store(self) -> Place:
        """Where the store is. Raises `bad-input`, and `not-found` where a reference points to nothing."""
        return database_place(self.database, self.database_password, self.home / "evercert.db", self.environ)


def load_settings(environ: Mapping[str, str] | None = None, **given: str | None) -> Settings:
    """The settings: what is *given* (from the command line), else the environment, else the defaults."""
    environ = os.environ if environ is None else environ
    values = {setting.name: _value(setting, environ, given) for setting in SETTINGS}
    home = Path(values["home"]) if values["home"] else _default_home()
    return Settings(
        home=home.expanduser().absolute(),
        ca=values["ca"],
        config=values["config"],
        master_key=values["master_key"],
        database=values["database"],
        database_password=values["database_password"],
        concurrency=_whole_number("concurrency", values["concurrency"]),
        lease=_whole_number("lease", values["lease"]),
        resolvers=tuple(part.strip() for part in values["resolvers"].split(",") if part.strip()),
        proxy=values["proxy"],
        environ=environ,
    )


def _value(setting: Setting, environ: Mapping[str, str], given: Mapping[str, str | None]) -> str:
    return given.get(setting.name) or environ.get(setting.variable) or setting.default


def _default_home() -> Path:
    if os.geteuid() == 0:
        return _SYSTEM_HOME
    import platformdirs

    try:
        return Path(platformdirs.user_state_dir("evercert", appauthor=False))
    except RuntimeError:  # a user without a home, as systemd makes one for a unit alone
        return _SYSTEM_HOME


def _whole_number(name: str, text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 10_000:
        return int(text)
    raise EvercertError("bad-input", f"{name} is a whole number from 1 to 10000, not {text[:40]!r}")
