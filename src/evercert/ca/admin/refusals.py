"""Errors as problem documents (RFC 9457), from the one table of codes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from evercert.base.errors import EvercertError, Exit
from evercert.base.serving import Answer

__all__ = ["PROBLEM_TYPE", "RefusalDocument", "refusal", "status_of"]

PROBLEM_TYPE: Final = "application/problem+json"
_URN: Final = "urn:evercert:error:"

_BY_CODE: Final[Mapping[str, int]] = MappingProxyType(
    {"not-allowed": 403, "exists": 409, "conflict": 409, "too-large": 413, "store": 503}
)
_BY_EXIT: Final[Mapping[Exit, int]] = MappingProxyType(
    {Exit.USAGE: 400, Exit.NOT_FOUND: 404, Exit.MUST_WAIT: 429, Exit.BUSY: 409}
)


class RefusalDocument(msgspec.Struct, frozen=True):
    """`type` ends with the code, `title` is what that means, `detail` what it was this time, `hint` what can be
    done."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""


def status_of(error: EvercertError) -> int:
    return _BY_CODE.get(error.code.name) or _BY_EXIT.get(error.code.exit, 500)


def refusal(error: EvercertError, status: int = 0, *headers: tuple[str, str]) -> Answer:
    """The error as it is told; *status* where the protocol knows a better one."""
    status = status or status_of(error)
    # What failed in here is for our log: its words may be about the inside.
    detail = "the CA has failed; it is written down" if status == 500 else error.message
    document = RefusalDocument(f"{_URN}{error.code.name}", error.code.meaning, status, detail, error.hint)
    return Answer(status, msgspec.json.encode(document), (("content-type", PROBLEM_TYPE), *headers))
