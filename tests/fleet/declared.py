"""What a fleet declares, and what our CA needs to prove its names on this machine."""

from __future__ import annotations

from pathlib import Path

__all__ = ["declaration", "validate_here"]

_DECLARATION = """
[cas.ours]
directory = "{directory}"
roots = "{roots}"

[defaults]
cas = ["ours"]
targets = ["files"]

[[challenges]]
type = "http-01"
solver = "webroot"
options = {{ root = "{root}" }}

[targets.files]
plugin = "files"
options = {{ dir = "{installed}" }}

[certificates.fleet]
each = ["w{{1..{count}}}.fleet.test"]
"""


def declaration(directory: str, *, roots: Path, root: Path, installed: Path, count: int) -> str:
    """So many certificates of that CA, proved by files below *root* and put below *installed*."""
    return _DECLARATION.format(directory=directory, roots=roots, root=root, installed=installed, count=count)


def validate_here(settings: Path, dns: str, port: int) -> None:
    """Afterwards the CA of that ca.toml asks the DNS server at *dns*, and comes to *port* for http-01."""
    text = settings.read_text().replace("#resolvers = []", f'resolvers = ["{dns}"]')
    settings.write_text(text.replace("#http_port = 80", f"http_port = {port}"))
