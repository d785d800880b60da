"""A TXT value as zone files and many APIs write it: quoted strings of at most 255 octets (RFC 1035 §3.3.14, §5.1)."""

from __future__ import annotations

import re

__all__ = ["quoted", "unquoted"]

_LONGEST = 255
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(\d{3}|.)", re.DOTALL)


def quoted(value: str) -> str:
    """*value* in quotes, cut where a string would be too long. Our values are ASCII."""
    pieces = [value[start : start + _LONGEST] for start in range(0, len(value), _LONGEST)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


def unquoted(content: str) -> str:
    """The value that *content* stands for, its strings joined; bare content stands for itself."""
    if '"' not in content:
        return content
    strings = (match[1] if match[1] is not None else match[2] or "" for match in _STRING.finditer(content))
    return "".join(_ESCAPE.sub(_unescaped, string) for string in strings)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code)) if code.isdigit() and len(code) == 3 else code
