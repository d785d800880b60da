"""One HTTP/1.1 response, as it comes in (RFC 9112), read no further than it is of use. No I/O.

A server may send anything: octets are counted before they are kept, nothing is decompressed, and a form that two
programs would read in two ways is refused.
"""

from __future__ import annotations

import re
from typing import Final

from evercert.base.probe import Door, Limits, Page

__all__ = ["NotHttp", "PageReader", "TooLarge", "request_for"]

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?")
# RFC 9112 §2.2: a recipient may take a lone LF for the end of a line, and scripts write such.
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_LINE: Final = re.compile(rb"\r?\n")
# White space around the value is taken off later: to leave that to the expression takes it the square of the length.
_FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00\r\n]*)")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")
_MAX_CHUNK_LINE: Final = 256
_MAX_INTERIM: Final = 4
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")


class NotHttp(Exception):
    """What came is no HTTP that can be read in one way only."""


class TooLarge(Exception):
    """The header is longer than the limit."""


def request_for(door: Door, user_agent: str) -> bytes:
    """A request that asks for as little as there is: one answer, as it is, and goodbye."""
    return (
        f"GET {door.target} HTTP/1.1\r\nHost: {door.host}\r\nUser-Agent: {user_agent}\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


class PageReader:
    """`feed` what comes until it says that the page is complete, `end` where the peer closed; then `page`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._received = bytearray()
        self._looked = 0  # up to where no end of the head was found
        self._heads = 0
        self._in_body = False
        self._chunked = False
        self._length = -1
        self._body = bytearray()
        self._chunk = 0
        self._after_data = False
        self._status, self._location = 0, ""

    def feed(self, data: bytes) -> bool:
        """Whether the page is complete. Raises `NotHttp`, `TooLarge`."""
        self._received += data
        while not self._in_body:
            if not self._take_head():
                return False
        return self._status != 200 or self._take_body()

    def end(self) -> None:
        """The peer has closed. Raises `NotHttp` where that is not an end (RFC 9112 §8)."""
        if not self._in_body or self._chunked or self._length > len(self._body):
            raise NotHttp("the answer was cut off")

    @property
    def page(self) -> Page:
        limit = self._limits.body
        return Page(self._status, self._location, bytes(self._body[:limit]), len(self._body) <= limit)

    def _take_head(self) -> bool:
        found = _END_OF_HEAD.search(self._received, max(0, self._looked - 3))
        self._looked = len(self._received)
        if (found.start() if found else self._looked) > self._limits.header:
            raise TooLarge("the header is too long")
        if not found:
            return False
        self._read_head(bytes(self._received[: found.start()]))
        del self._received[: found.end()]
        self._looked = 0
        return True

    def _read_head(self, head: bytes) -> None:
        self._heads += 1
        first, *lines = _LINE.split(head)
        matched = _STATUS.fullmatch(first)
        if not matched or self._heads > _MAX_INTERIM:
            raise NotHttp("the answer is no HTTP/1.1")
        self._status = int(matched[1])
        if self._status >= 200:  # those below announce another (RFC 9110 §15.2)
            self._in_body = True
            self._read_fields(lines)

    def _read_fields(self, lines: list[bytes]) -> None:
        fields: dict[bytes, list[bytes]] = {}
        for line in lines:
            if not (matched := _FIELD.fullmatch(line)):
                raise NotHttp("a header field is no such")
            fields.setdefault(matched[1].lower(), []).append(matched[2].strip(b" \t"))
        self._location = fields.get(b"location", [b""])[0].decode("latin-1")
        codings = fields.get(b"transfer-encoding", [])
        self._chunked = [each.lower() for each in codings] == [b"chunked"]
        lengths = set(fields.get(b"content-length", []))
        if (codings and not self._chunked) or (codings and lengths) or len(lengths) > 1:
            raise NotHttp("the length of the answer can be read in two ways")
        for length in lengths:
            if not _DIGITS.fullmatch(length):
                raise NotHttp("the length of the answer is no number")
            self._length = int(length)

    def _take_body(self) -> bool:
        if self._chunked:
            return self._take_chunks()
        self._body += self._received
        self._received.clear()
        if 0 <= self._length <= len(self._body):
            del self._body[self._length :]
            return True
        return len(self._body) > self._limits.body

    def _take_chunks(self) -> bool:
        """RFC 9112 §7.1; what follows the last chunk is of no interest."""
        while len(self._body) <= self._limits.body:
            if self._chunk:
                self._take_data()
            line = None if self._chunk else self._take_line()
            if line is None:
                return len(self._body) > self._limits.body
            if self._after_data:
                self._after_data = False
            elif not self._begin_chunk(line):
                return True
        return True

    def _take_data(self) -> None:
        data = self._received[: self._chunk]
        del self._received[: self._chunk]
        self._body += data
        self._chunk -= len(data)
        self._after_data = not self._chunk

    def _begin_chunk(self, line: bytes) -> bool:
        """Whether it is not the last one."""
        if not (matched := _CHUNK_SIZE.fullmatch(line)):
            raise NotHttp("a chunk's length is no number")
        self._chunk = int(matched[1], 16)
        return self._chunk > 0

    def _take_line(self) -> bytes | None:
        at = self._received.find(b"\n", 0, _MAX_CHUNK_LINE)
        if at < 0 and len(self._received) < _MAX_CHUNK_LINE:
            return None
        line = bytes(self._received[:at]).removesuffix(b"\r")
        if at < 0 or (self._after_data and line):
            raise NotHttp("a chunk has no end where it should")
        del self._received[: at + 1]
        return line
