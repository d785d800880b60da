"""Where lists and answers are, over plain http. Certificates have these URLs in them, so they never change."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from evercert.ca.store.crls import ListKey

__all__ = ["OCSP", "key_at", "path_of"]

OCSP: Final = "/ocsp"

_PATH: Final = re.compile(r"/crl/([^/]{1,300})/(whole|[1-9]\d{0,6})(-delta)?\.crl")


def path_of(key: ListKey) -> str:
    kind = "-delta" if key.delta else ""
    return f"/crl/{quote(key.issuer, safe='')}/{key.partition or 'whole'}{kind}.crl"


def key_at(path: str) -> ListKey | None:
    """The list that is asked for there, which there may not be."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    issuer, part, delta = unquote(found[1]), found[2], found[3]
    if not issuer.isprintable():  # nor does PostgreSQL know a text with a NUL
        return None
    return ListKey(issuer, 0 if part == "whole" else int(part), bool(delta))
