"""The ClientHello: what a TLS client asks for, read before TLS begins (RFC 9846 §4.1.2; RFC 5246 §7.4.1.2).

Pure. Whoever connects is hostile: at most `MAX_HELLO` octets are looked at, each of them once,
however small the pieces in which they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evercert.base.errors import EvercertError

__all__ = ["MAX_HELLO", "Hello", "HelloReader", "client_hello"]

# A hello with post-quantum key shares has some 2 kB, one with a resumption ticket and ECH some 5 kB.
MAX_HELLO: Final = 64 * 1024

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_RECORD_HEADER: Final = 5
_MAX_FRAGMENT: Final = 1 << 14
_SERVER_NAME: Final = 0
_ALPN: Final = 16


@dataclass(frozen=True, slots=True)
class Hello:
    """`server_name` is lower case and "" where the client sent none; `alpn` is its list, in its order."""

    server_name: str
    alpn: tuple[bytes, ...]


class HelloReader:
    """Takes a connection's first octets as they come. `received` is all of them, to be handed on."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._message = bytearray()
        self._read = 0

    def feed(self, data: bytes) -> Hello | None:
        """The hello, or None while more is needed. Raises `bad-answer` for what is not TLS or goes on too long."""
        self.received += data
        while (fragment := self._next_fragment()) is not None:
            self._message += fragment
            if hello := _whole(self._message):
                return hello
        if len(self.received) > MAX_HELLO:
            raise _bad("its hello is too long")
        return None

    def _next_fragment(self) -> bytes | None:
        """The content of the next whole record (RFC 9846 §5.1: a message may be split over many)."""
        start = self._read
        head = bytes(self.received[start : start + _RECORD_HEADER])
        # Judged octet by octet, so that a client that speaks something else is not waited for.
        if head[:1] not in {b"", b"\x16"} or head[1:2] not in {b"", b"\x03"}:
            raise _bad("it is no TLS handshake")
        if len(head) < _RECORD_HEADER:
            return None
        length = int.from_bytes(head[3:])
        if not 0 < length <= _MAX_FRAGMENT:
            raise _bad("a record's length is out of range")
        end = start + _RECORD_HEADER + length
        if len(self.received) < end:
            return None
        self._read = end
        return bytes(self.received[start + _RECORD_HEADER : end])


def client_hello(data: bytes) -> Hello | None:
    """The hello with which *data* begins, or None while more is needed; raises as `HelloReader.feed` does."""
    return HelloReader().feed(data)


def _whole(message: bytearray) -> Hello | None:
    if message[0] != _CLIENT_HELLO:
        raise _bad("its first message is no ClientHello")
    length = int.from_bytes(message[1:4])
    if length > MAX_HELLO:
        raise _bad("its hello is too long")
    if len(message) < 4 + length:
        return None
    return _read_hello(_Octets(bytes(message[4 : 4 + length])))


class _Octets:
    """Octets taken from the front; taking more than there are is the peer's fault."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise _bad("its hello ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> _Octets:
        """What a length of *size* octets says that follows (RFC 9846 §3.4)."""
        return _Octets(self.take(self.number(size)))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def _read_hello(octets: _Octets) -> Hello:
    octets.take(2 + 32)  # legacy_version, random
    octets.vector(1)  # legacy_session_id
    octets.vector(2)  # cipher_suites
    octets.vector(1)  # legacy_compression_methods
    extensions = _read_extensions(octets.vector(2)) if octets else {}
    if octets:
        raise _bad("its hello has octets after its end")
    server_name, alpn = extensions.get(_SERVER_NAME), extensions.get(_ALPN)
    return Hello(
        _read_server_name(_Octets(server_name)) if server_name is not None else "",
        _read_alpn(_Octets(alpn)) if alpn is not None else (),
    )


def _read_extensions(octets: _Octets) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while octets:
        kind = octets.number(2)
        if kind in found:
            raise _bad("an extension stands twice in its hello")
        found[kind] = octets.vector(2).rest()
    return found


def _read_server_name(octets: _Octets) -> str:
    """RFC 6066 §3: the one host name of the list; other types of names have never been made."""
    names = octets.vector(2)
    while names:
        kind, name = names.number(1), names.vector(2).rest()
        if kind == 0:
            if not name.isascii() or len(name) > 255:
                raise _bad("its server name is no DNS name")
            return name.decode().lower()
    return ""


def _read_alpn(octets: _Octets) -> tuple[bytes, ...]:
    """RFC 7301 §3.1."""
    names, found = octets.vector(2), []
    while names:
        found.append(names.vector(1).rest())
    return tuple(found)


def _bad(fault: str) -> EvercertError:
    return EvercertError("bad-answer", f"a client spoke no TLS that can be read: {fault}")
