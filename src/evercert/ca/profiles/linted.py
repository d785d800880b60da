"""The gate at the start: what passed before is remembered in a file, so that a start costs no second look.

Whoever can write that file can have a profile sign that pkilint never saw; it lies with the CA's sealed keys.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from evercert.base.errors import EvercertError
from evercert.ca.issuing.issuers import Issuer
from evercert.ca.profiles.gate import LintGate, admitted
from evercert.ca.profiles.profile import Profile
from evercert.host.files import read_bounded, write_durably

__all__ = ["linted_profiles"]

_log = logging.getLogger(__name__)

_MAX_FILE: Final = 4 << 20
# What is not asked for any more is forgotten once there is that much of it.
_MOST: Final = 10_000


def linted_profiles(
    gate: LintGate,
    file: Path,
    profiles: Mapping[str, Profile],
    issuers: Iterable[Issuer],
    now: datetime,
    *,
    needed: str,
) -> Mapping[str, Profile]:
    """The profiles that may sign; of the others the log tells why. Blocks: a second where something is new, else
    nothing. Raises `bad-input` if the *needed* one may not, or none."""
    before = _read(file)
    gate.passed |= before
    refusals = gate.refusals(profiles.values(), issuers, now)
    for refusal in refusals:
        _log.error("pkilint refuses %s", refusal)
    if set(gate.passed) != before:
        write_durably(file, msgspec.json.encode(sorted(gate.passed)[-_MOST:]))
    if refused := next((each for each in refusals if each.profile == needed), None):
        raise EvercertError("bad-input", f"pkilint refuses {refused}", hint="change the profile, or what it lints")
    return admitted(profiles, refusals)


def _read(file: Path) -> set[str]:
    """What passed before; nothing where the file is not one of ours: then all is looked at again."""
    try:
        return msgspec.json.decode(read_bounded(file, _MAX_FILE), type=set[str])
    except (OSError, msgspec.MsgspecError, EvercertError):
        return set()
