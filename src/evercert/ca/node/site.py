"""Everything that this CA answers, by the first segment of the path: ACME, and what must be public beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from evercert.base.serving import Answer, Application, Asked
from evercert.ca.issuing.issuers import Issuers
from evercert.pki.cert import certificate_pem

__all__ = ["Site", "trust_application"]

_PEM: Final = ("content-type", "application/x-pem-file")
_DER: Final = ("content-type", "application/pkix-cert")
_TEXT: Final = ("content-type", "text/plain; charset=utf-8")
_CACHED: Final = ("cache-control", "public, max-age=86400")

NOT_FOUND: Final = Answer(404, b"there is nothing at that path\n", (_TEXT,))


@dataclass(slots=True)
class Site:
    """Passes each request on. `parts` is by first segment; "" is for what no other part is named for. They may be
    replaced, all at once, between two requests."""

    parts: Mapping[str, Application]

    async def __call__(self, asked: Asked) -> Answer:
        segment = asked.path.split("/", 2)[1] if asked.path.startswith("/") else ""
        part = self.parts.get(segment) or self.parts.get("")
        return await part(asked) if part else NOT_FOUND


def trust_application(root: bytes, issuers: Issuers) -> Application:
    """The certificates that others need of us: `/roots.pem`, `/root/SHA256`, `/issuer/NAME.der`, and `/health`.

    Whoever fetches a root by its fingerprint needs no prior trust: he checks what he gets (see `bootstrap`).
    """
    fixed = {
        "/roots.pem": Answer(200, certificate_pem(root).encode(), (_PEM, _CACHED)),
        f"/root/{sha256(root).hexdigest()}": Answer(200, certificate_pem(root).encode(), (_PEM, _CACHED)),
        "/root.der": Answer(200, root, (_DER, _CACHED)),
        "/health": Answer(200, b"ok\n", (_TEXT, ("cache-control", "no-store"))),
    }
    fixed |= {f"/issuer/{each.name}.der": Answer(200, each.signer.certificate, (_DER, _CACHED)) for each in issuers}

    async def answer(asked: Asked) -> Answer:
        if asked.method not in {"GET", "HEAD"}:
            return Answer(405, b"only GET is taken here\n", (_TEXT, ("allow", "GET, HEAD")))
        return fixed.get(asked.path.lower() if asked.path.startswith("/root/") else asked.path, NOT_FOUND)

    return answer
