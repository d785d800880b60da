"""Who is told of events: a program of this machine, or an endpoint elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

__all__ = ["Hook"]


class Hook(msgspec.Struct, frozen=True, omit_defaults=True):
    """`events` and what narrows them are shell patterns, of which one each must fit. Either `program` is run, an
    argument list, or `url` is posted to, signed with what `secret` refers to; a secret itself is never in it."""

    name: str
    events: tuple[str, ...]
    certificates: tuple[str, ...] = ()
    owner: str = ""
    tag: str = ""
    program: tuple[str, ...] = ()
    url: str = ""
    secret: str = ""
    allow_http: bool = False
    timeout: float = 10.0

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown: many an endpoint's path or query is what lets one post there."""
        parts = urlsplit(self.url)
        root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return root + ("/..." if parts.path.strip("/") or parts.query else parts.path) if self.url else ""
