"""Shell variable files as acme.sh writes them (`NAME='value'`), read and never run.

acme.sh sources these files, so whoever could write to them could run anything as its user. Here
a value is text: nothing is expanded, substituted or executed.
"""

from __future__ import annotations

import binascii
import re
import shlex

__all__ = ["read_assignments"]

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
# acme.sh wraps values that might hold quotes, above all commands.
_WRAPPED = re.compile(r"__ACME_BASE64__START_(?P<base64>[A-Za-z0-9+/=\s]*)__ACME_BASE64__END_")


def read_assignments(text: str) -> dict[str, str]:
    """Every assignment, the last of a name winning; other lines are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _ASSIGNMENT.fullmatch(line):
            found[match["name"]] = _unwrapped(_unquoted(match["value"].strip()))
    return found


def _unquoted(value: str) -> str:
    try:
        words = shlex.split(value, comments=False)
    except ValueError:
        words = []
    if len(words) == 1:
        return words[0]
    # acme.sh does not escape a quote inside a value; between the outer quotes is what was meant.
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _unwrapped(value: str) -> str:
    match = _WRAPPED.fullmatch(value)
    if match is None:
        return value
    try:
        return binascii.a2b_base64(match["base64"]).decode("utf-8", "replace")
    except binascii.Error:
        return ""
