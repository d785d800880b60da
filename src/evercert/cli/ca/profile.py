"""`evercert ca profile`."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evercert.ca.profiles.profile import Profile

__all__ = ["command"]

_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


@click.group("profile")
def command() -> None:
    """What this machine's CA issues. Profiles are written in ca.toml (docs/ca-profiles.md)."""


@command.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every profile, with how long its certificates live and what they are for."""
    profiles = _profiles(settings, directory)
    rows = [(each.name, _written(each.life), ", ".join(each.ekus), each.description) for each in profiles.values()]
    output.table(list(profiles.values()), ("NAME", "LIFE", "FOR", "DESCRIPTION"), rows)
    return 0


@command.command("show")
@click.argument("name")
@dir_option
@framed
def show(output: Output, settings: Settings, directory: Path | None, name: str) -> int:
    """Everything that one profile decides."""
    import msgspec

    from evercert.base.errors import EvercertError

    profiles = _profiles(settings, directory)
    if name not in profiles:
        raise EvercertError("not-found", f"there is no profile {name[:80]!r}", hint=f"one of {', '.join(profiles)}")
    profile = profiles[name]
    document = msgspec.to_builtins(profile, enc_hook=str)
    output.result(document, *(f"{key:<26} {_written(getattr(profile, key))}" for key in document))
    return 0


def _written(value: object) -> str:
    """As ca.toml has it, without its quotes and brackets."""
    if isinstance(value, tuple):
        return ", ".join(map(_written, value)) or "-"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return next(f"{seconds // size}{unit}" for unit, size in _UNITS.items() if seconds % size == 0)
    value = value.value if isinstance(value, Enum) else value
    return "-" if value in {"", None} else str(value).lower() if isinstance(value, bool) else str(value)


def _profiles(settings: Settings, directory: Path | None) -> Mapping[str, Profile]:
    from evercert.ca.profiles.reading import profiles_from
    from evercert.ca.setup.settings import load_ca_settings

    file = ca_folder(settings, directory) / "ca.toml"
    return profiles_from(load_ca_settings(file).profiles, str(file))
