"""Which CA a command is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from evercert.base.errors import EvercertError
from evercert.config.settings import Settings

__all__ = ["ca_folder", "dir_option", "has_ca"]

F = TypeVar("F", bound=Callable[..., object])


def dir_option(function: F) -> F:
    """Give a command `--dir`; it is called with `directory`."""
    words = "The CA's folder (default: `ca` in the home)."
    return click.option("--dir", "directory", metavar="DIR", type=click.Path(path_type=Path), help=words)(function)


def ca_folder(settings: Settings, directory: Path | None) -> Path:
    """The folder, which has a CA in it. Raises `not-found`."""
    folder = _folder(settings, directory)
    if not has_ca(settings, directory):
        raise EvercertError("not-found", f"there is no CA in {folder}", hint="make one: evercert ca init")
    return folder


def has_ca(settings: Settings, directory: Path | None) -> bool:
    return (_folder(settings, directory) / "ca.toml").exists()


def _folder(settings: Settings, directory: Path | None) -> Path:
    return directory.expanduser().absolute() if directory else settings.home / "ca"
