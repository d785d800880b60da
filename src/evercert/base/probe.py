"""What a look at somebody's machine shows, as values: an answer of DNS, a page, a handshake.

They stand in this room because a CA's validators (`ca.validation`) know no sockets, and the sockets
(`net.validating`) know no validators.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from evercert.base.errors import NetworkFailure

__all__ = ["CaaRecord", "DialFailure", "Door", "Handshake", "Limits", "Looked", "Outcome", "Page"]

Record = TypeVar("Record")


class Outcome(Enum):
    """How a question to DNS ended. What is not known to be absent is never told as absent."""

    FOUND = "found"
    NO_DATA = "no-data"  # the name is there, such a record is not (RFC 2308 §2.2)
    NO_NAME = "no-name"  # NXDOMAIN
    BOGUS = "bogus"  # a validating resolver found the signatures wrong (RFC 4035 §5.5)
    FAILED = "failed"  # SERVFAIL, REFUSED or another error of the servers'
    SILENT = "silent"  # no answer in time, or none that could be read

    @property
    def is_answer(self) -> bool:
        return self in {Outcome.FOUND, Outcome.NO_DATA, Outcome.NO_NAME}


@dataclass(frozen=True, slots=True)
class Looked(Generic[Record]):
    """What came of one question. `authentic`: a validating resolver vouched for it (AD, RFC 4035 §3.2.3).
    `fault` is a clause about the server, in words of ours, where the outcome is no answer."""

    outcome: Outcome
    records: tuple[Record, ...] = ()
    authentic: bool = False
    server: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """RFC 8659 §4.1; `tag` as it was written, `value` decoded byte by byte."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of a response's header and body that are read, seconds to connect in, and for everything."""

    header: int = 64 * 1024
    body: int = 4 * 1024
    dial: float = 3.0
    total: float = 10.0


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock, and as whom to ask. `address` is an IP address that was checked; `host` is the Host
    header, `target` the request target, `server_name` the SNI ("" for none), of importance with `tls` only."""

    address: str
    port: int
    host: str
    target: str
    tls: bool = False
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One response, redirects not followed. The body is there for status 200 alone, never decompressed, and
    cut where it is longer than the limit, which `whole` tells."""

    status: int
    location: str = ""
    body: bytes = b""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Handshake:
    """The negotiated protocol ("" for none), the version ("TLSv1.3") and the server's own certificate (DER)."""

    alpn: str
    version: str
    certificate: bytes


class DialFailure(NetworkFailure):
    """No connection came about, so nothing was said. Its own class because another address may be tried then,
    and only then."""
