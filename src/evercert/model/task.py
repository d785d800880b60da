"""What to do next with one certificate, and why; or when to look again."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

__all__ = ["Step", "Task", "Wait"]


class Step(Enum):
    """The kinds of work; each reads facts and writes facts, so that any may be repeated."""

    CLEAN_UP = "clean-up"
    ISSUE = "issue"
    DEPLOY = "deploy"
    POLL_RENEWAL_INFO = "poll-renewal-info"
    LEAVE = "leave"
    ABANDON = "abandon"


class Task(msgspec.Struct, frozen=True):
    """Do `step` for `certificate` now. `reason` is a clause for the user; `target` only for DEPLOY."""

    certificate: str
    step: Step
    reason: str
    target: str = ""


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do for `certificate` before `until`."""

    certificate: str
    until: datetime
    reason: str
