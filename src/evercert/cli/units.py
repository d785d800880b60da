"""Unit files for systemd, with the path of the program that prints them."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["CA_FOLDER", "CA_UNIT", "UNITS", "ca_unit_text", "unit_text"]

# The service stays; the timer starts the other service, which looks once. One way or the other.
UNITS: Final = ("evercert.service", "evercert.timer", "evercert-once.service")

# What `evercert ca serve` runs as.
CA_UNIT: Final = "evercert-ca.service"

# Where the shipped files expect the program.
_USUAL = "/usr/local/bin/evercert"
CA_FOLDER: Final = Path("/var/lib/evercert-ca")

# From here on nobody needs a capability.
_UNPRIVILEGED: Final = 1024


def unit_text(name: str) -> str:
    """The unit of that name, for the `evercert` that is running."""
    program = Path(sys.argv[0]).absolute()
    text = (files("evercert.daemon") / "units" / name).read_text()
    return text.replace(_USUAL, str(program)) if program.name == "evercert" else text


def ca_unit_text(folder: Path, ports: Collection[int], *, is_credential: bool = True) -> str:
    """The unit of the CA in that folder; *is_credential*: its master key comes from systemd. Where it listens on a
    privileged port, it has the one capability for that, and then no users of its own (the kernel's count for ports)."""
    text = unit_text(CA_UNIT)
    if folder != CA_FOLDER:
        text = text.replace(str(CA_FOLDER), str(folder))
        text = text.replace("StateDirectory=evercert-ca\n", f"ReadWritePaths={folder}\n")
        text = text.replace("DynamicUser=yes\n", "").replace("StateDirectoryMode=0700\n", "")
    if not is_credential:
        text = re.sub(r"^LoadCredential=.*\n", "", text, flags=re.MULTILINE)
    if any(port < _UNPRIVILEGED for port in ports):
        capability = r"\1=CAP_NET_BIND_SERVICE"
        text = re.sub(r"^(CapabilityBoundingSet|AmbientCapabilities)=$", capability, text, flags=re.MULTILINE)
        text = text.replace("PrivateUsers=yes\n", "")
    return text
