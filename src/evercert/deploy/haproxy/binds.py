"""Where HAProxy serves a certificate: the `bind` lines that name its file, folder or list."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

__all__ = ["places"]

_ADDRESS = re.compile(r"(?:ipv4@|ipv6@)?(?P<host>\[[^\]]+\]|[^\[\]@]*):(?P<port>\d+)")
_EVERYWHERE = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, never bound


def places(text: str, certificate: Path, crt_list: Path | None) -> list[tuple[str, int]]:
    """Addresses of this machine, with ports, where a plain TLS handshake meets the certificate."""
    return list(dict.fromkeys(_found(text, {str(certificate), str(certificate.parent), str(crt_list)})))


def _found(text: str, named: set[str]) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        words = _words(line)
        if len(words) < 3 or words[0] != "bind" or "ssl" not in words or "accept-proxy" in words:
            continue
        values = {value.rstrip("/") for key, value in pairwise(words) if key in {"crt", "crt-list"}}
        if values & named:
            for address in words[1].split(","):
                if match := _ADDRESS.fullmatch(address):
                    host = match["host"].strip("[]")
                    yield _EVERYWHERE.get(host, host), int(match["port"])


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []
