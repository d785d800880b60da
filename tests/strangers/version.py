"""Which version of a client is here, in as many numbers as a release of a distribution promises to keep: two."""

from __future__ import annotations

import re
import subprocess

__all__ = ["package_version", "said_version"]


def said_version(*argv: str) -> str:
    """The first version that a program tells."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    return _short(done.stdout + done.stderr)


def package_version(package: str) -> str:
    """Debian's, for a program that tells none."""
    argv = ["dpkg-query", "--show", "--showformat=${Version}", package]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20)
    return _short(done.stdout.rpartition(":")[2])


def _short(text: str) -> str:
    found = re.search(r"\d+\.\d+", text)
    assert found, f"no version in {text!r}"
    return found[0]
