"""One HTTP/1.1 answer, from its octets as they come (RFC 9112). Sans-I/O.

Strict, because whoever answers is a stranger: what could be read in two ways is refused, and everything has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["Answer", "Malformed", "TooLarge"]

# A server that names a thousand headers, or one of a megabyte, is cut off.
_MAX_HEAD: Final = 64 * 1024
_MAX_HEADERS: Final = 100
# A chunk's size and its extensions.
_MAX_LINE: Final = 1024

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
# §5: no blank before the colon, no line that goes on with the one before it.
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")

_Headers = tuple[tuple[str, str], ...]


class Malformed(ValueError):
    """What came is no answer, or not all of one."""


class TooLarge(Exception):
    """The body is longer than was to be accepted."""


class Answer:
    """`feed` it what comes until it `is_whole`; then `status`, `headers` and `body` are there.

    `may_follow` says whether another request may go over the same connection. Raises `Malformed` and `TooLarge`.
    """

    def __init__(self, method: str, max_body: int) -> None:
        self.status = 0
        self.headers: _Headers = ()
        self.body = b""
        self.is_whole = False
        self.may_follow = False
        self._method = method
        self._max_body = max_body
        self._received = bytearray()
        self._content = bytearray()
        self._read = self._head
        # Of a length-delimited body or a chunk: so many octets are still to come.
        self._left = 0

    def feed(self, data: bytes) -> None:
        self._received += data
        while not self.is_whole and self._read():
            pass
        if self.is_whole and self._received:
            self.may_follow = False  # nothing was asked for that this could answer

    def end(self) -> None:
        """The connection has ended, and with it a body without any other end."""
        if self._read != self._rest:
            raise Malformed("it ended too soon")
        self._done()

    def _head(self) -> bool:
        """Each of these reads what it can, and says whether the next one may find something to read."""
        end = self._received.find(b"\r\n\r\n")
        if max(end, 0) > _MAX_HEAD or (end < 0 and len(self._received) > _MAX_HEAD):
            raise Malformed("its head is too long")
        if end < 0:
            return False
        first, *lines = bytes(self._received[:end]).split(b"\r\n")
        del self._received[: end + 4]
        status = _STATUS.fullmatch(first)
        if status is None:
            raise Malformed("it begins with no status")
        self.status = int(status[2])
        self.headers = _fields(lines)
        if self.status == 101:
            raise Malformed("it changes the protocol")
        if self.status >= 200:  # others only say that the answer is to come (RFC 9110 §15.2)
            self._begin_body(is_new=status[1] == b"1")
        return True

    def _begin_body(self, *, is_new: bool) -> None:
        """RFC 9112 §6.3."""
        closes = "close" in ",".join(self._values("connection")).lower()
        self.may_follow = is_new and not closes
        codings, lengths = self._values("transfer-encoding"), self._values("content-length")
        if self._method == "CONNECT" and self.status < 300:
            self.may_follow = True  # the tunnel begins, whatever version and length the proxy writes
            self._done()
        elif self._method == "HEAD" or self.status in {204, 304}:
            self._done()
        elif codings:
            if [coding.lower() for coding in codings] != ["chunked"] or lengths:
                raise Malformed("its length can be read in two ways")
            self._read = self._size
        elif lengths:
            self._left = _length(lengths)
            self._demand_room(self._left)
            self._read = self._all
        else:
            self.may_follow = False
            self._read = self._rest

    def _all(self) -> bool:
        if len(self._received) < self._left:
            return False
        self._content = self._received[: self._left]
        del self._received[: self._left]
        self._done()
        return True

    def _rest(self) -> bool:
        self._demand_room(len(self._received))
        self._content += self._received
        self._received.clear()
        return False

    def _size(self) -> bool:
        """The line before a chunk (§7.1)."""
        line = self._line(_MAX_LINE)
        if line is None:
            return False
        size = _SIZE.fullmatch(line)
        if size is None:
            raise Malformed("a chunk has no size")
        self._left = int(size[1], 16)
        self._demand_room(self._left)
        self._read = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        if len(self._received) < self._left + 2:
            return False
        if self._received[self._left : self._left + 2] != b"\r\n":
            raise Malformed("a chunk is longer than it says")
        self._content += self._received[: self._left]
        del self._received[: self._left + 2]
        self._read = self._size
        return True

    def _trailer(self) -> bool:
        """Fields after the last chunk: passed over, as many as a head may have (§7.1.2)."""
        line = self._line(_MAX_HEAD)
        if line is None:
            return False
        self._left += 1
        if self._left > _MAX_HEADERS:
            raise Malformed("its trailer is too long")
        if not line:
            self._done()
        return True

    def _line(self, most: int) -> bytes | None:
        end = self._received.find(b"\r\n")
        if max(end, 0) > most or (end < 0 and len(self._received) > most):
            raise Malformed("a line is too long")
        if end < 0:
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 2]
        return line

    def _demand_room(self, more: int) -> None:
        if len(self._content) + more > self._max_body:
            raise TooLarge

    def _values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def _done(self) -> None:
        self.body = bytes(self._content)
        self.is_whole = True


def _fields(lines: Sequence[bytes]) -> _Headers:
    if len(lines) > _MAX_HEADERS:
        raise Malformed("it has too many headers")
    fields = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Malformed("a header is none")
        fields.append((field[1].decode("latin-1").lower(), field[2].decode("latin-1").rstrip(" \t")))
    return tuple(fields)


def _length(values: Sequence[str]) -> int:
    first = values[0]
    if any(value != first for value in values) or not (first.isascii() and first.isdigit()):
        raise Malformed("its length is no number")
    return int(first[:20])
