"""Which certificates an incident means and what is done with them, from what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from evercert.base.errors import EvercertError
from evercert.cli.moments import moment_from
from evercert.config.declaration.ca_names import ca_called
from evercert.config.settings import Settings
from evercert.host.files import read_bounded
from evercert.model.incident import Measures, Selection
from evercert.model.terms import CaChoice
from evercert.pki.key_type import KeyType
from evercert.pki.reasons import SUBSCRIBERS

__all__ = ["measures_from", "selection_from", "serials_from"]

# The list of a CA's largest incident so far had three million lines.
_MOST_OCTETS = 512 << 20
_HEX = re.compile(r"[0-9a-f]+")


def selection_from(given: dict[str, Any], settings: Settings, now: datetime, warn: Callable[[str], None]) -> Selection:
    """From the options by their names. Raises `bad-input`, and `not-found` for a CA that is not known.
    *warn* is told of a declaration that nobody named and that cannot be read."""
    serials = given["serials"]
    return Selection(
        ca=ca_called(given["ca"], settings, warn).directory if given["ca"] else "",
        issuer=given["issuer"],
        serial_from=_serial(given["serial_from"]),
        serial_to=_serial(given["serial_to"]),
        serials_file=str(serials) if serials else "",
        serials=serials_from(serials) if serials else frozenset(),
        key=_digest(given["key"]),
        key_type=KeyType(given["key_type"]) if given["key_type"] else None,
        profile=given["profile"],
        issued_from=_moment(given["issued_from"], now),
        issued_until=_moment(given["issued_until"], now),
        expires_before=_moment(given["expires_before"], now, ahead=True),
        owner=given["owner"],
        tag=given["tag"],
        name=given["match"],
    )


def measures_from(given: dict[str, Any], settings: Settings, now: datetime, warn: Callable[[str], None]) -> Measures:
    """The same of what is done. Raises `bad-input`, and `not-found` for a CA that is not known."""
    if given["revoke_first"] and not given["revoke"]:
        raise EvercertError("bad-input", "--revoke-first needs a reason", hint="such as --revoke keyCompromise")
    if given["to_account"] and not given["to_ca"]:
        raise EvercertError("bad-input", "--to-account needs a CA", hint="such as --to-ca google")
    other = ca_called(given["to_ca"], settings, warn) if given["to_ca"] else CaChoice("")
    return Measures(
        revoke=SUBSCRIBERS[given["revoke"]] if given["revoke"] else None,
        revoke_first=given["revoke_first"],
        wave_size=given["wave_size"],
        growth=given["wave_growth"],
        waits=not given["no_wait"],
        most_failing=given["most_failing"] / 100,
        deadline=_moment(given["deadline"], now, ahead=True),
        to_ca=other.directory,
        to_account=given["to_account"] or other.account,
    )


def serials_from(file: Path) -> frozenset[str]:
    """The serial numbers in a file: the first word of each line, in hexadecimal; a line with # is a remark."""
    try:
        text = read_bounded(file, _MOST_OCTETS).decode("ascii", "replace")
    except OSError as error:
        words = f"{file} cannot be read: {(error.strerror or 'unreadable').lower()}"
        raise EvercertError("not-found", words) from error
    lines = enumerate(text.splitlines(), 1)
    return frozenset(
        _serial(re.split(r"[\s,;]", line.strip(), maxsplit=1)[0], f"{file}:{number}: ")
        for number, line in lines
        if line.strip() and not line.lstrip().startswith("#")
    )


def _moment(written: str, now: datetime, *, ahead: bool = False) -> datetime | None:
    return moment_from(written, now, ahead=ahead) if written else None


def _serial(written: str, place: str = "") -> str:
    """As the store keeps it: lower case, without colons and leading zeros."""
    serial = written.lower().replace(":", "").removeprefix("0x").lstrip("0")
    if written and not _HEX.fullmatch(serial):
        hint = "as in 04:ab:12 or 04ab12"
        raise EvercertError("bad-input", f"{place}{written[:60]!r} is no serial number in hexadecimal", hint=hint)
    return serial


def _digest(written: str) -> str:
    digest = written.lower().replace(":", "")
    if written and not (_HEX.fullmatch(digest) and len(digest) == 64):
        hint = "openssl pkey -in KEY -pubout -outform DER | sha256sum"
        raise EvercertError("bad-input", f"{written[:70]!r} is not the SHA-256 of a public key", hint=hint)
    return digest
