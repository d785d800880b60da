"""Unit files for systemd, with the path of the program that prints them."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["UNITS", "unit_text"]

# The service stays; the timer starts the other service, which looks once. One way or the other.
UNITS: Final = ("evercert.service", "evercert.timer", "evercert-once.service")

# Where the shipped files expect the program.
_USUAL = "/usr/local/bin/evercert"


def unit_text(name: str) -> str:
    """The unit of that name, for the `evercert` that is running."""
    program = Path(sys.argv[0]).absolute()
    text = (files("evercert.daemon") / "units" / name).read_text()
    return text.replace(_USUAL, str(program)) if program.name == "evercert" else text
