"""What becomes of good input in bad hands: octets, JSON, DER, paths and headers, changed by one generator of chance."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

__all__ = ["mutated_der", "mutated_json", "mutated_octets", "mutated_path", "mutated_text"]

_TEXTS: Final[Sequence[str]] = (
    "",
    " ",
    "\0",
    "\r\n",
    "..",
    "../" * 50,
    "%00",
    "%s%n",
    "' OR 1=1 --",
    "<script>",
    "${jndi:ldap://x}",
    "*",
    "*.",
    ".",
    "-",
    "\u202e",
    "\ud800",
    "\uff41.example.com",
    "xn--",
    "xn--zzzzzz99999999",
    "A" * 70_000,
    "::1",
    "0x7f.1",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "-999999-01-01",
    "mailto:",
    "urn:ietf:params:acme:error:malformed",
    "pending",
    "valid",
    "deactivated",
    "canceled",
    "none",
    "HS256",
)
_VALUES: Final[Sequence[Any]] = (
    None,
    True,
    False,
    0,
    -1,
    1 << 31,
    1 << 63,
    -(1 << 63),
    10**300,
    1e308,
    -0.5,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"kty": "EC"},
    ["dns", "a.example.com"],
)
# What no JSON writer writes.
_RAW: Final[Sequence[bytes]] = (
    b"NaN",
    b"Infinity",
    b"1e999999",
    b"9" * 5000,
    b'"\\ud800"',
    b'"\\u0000"',
    b"\xef\xbb\xbf{}",
    b'"\xff"',
    b"[" * 3000,
    b'{"a":' * 3000,
    b"{}{}",
    b"'x'",
    b"//",
    b"",
)


def mutated_octets(rng: Random, octets: bytes, most: int = 8) -> bytes:
    """Some octets changed, cut out, put in, doubled or moved."""
    changed = bytearray(octets or b"\0")
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(changed) or 1)
        match rng.randrange(6):
            case 0 if changed:
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if changed:
                changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, 0x30, 0x31, 0xA0))
            case 2:
                del changed[at : at + rng.randint(1, 16)]
            case 3:
                changed[at:at] = rng.randbytes(rng.randint(1, 16))
            case 4:
                changed[at:at] = changed[at : at + rng.randint(1, 64)]
            case _:
                del changed[rng.randrange(len(changed) + 1) :]
    return bytes(changed)


def mutated_json(rng: Random, value: Any) -> bytes:
    """*value* as JSON, or as something that was JSON."""
    match rng.randrange(10):
        case 0:
            return mutated_octets(rng, json.dumps(value).encode())
        case 1:
            return rng.choice(_RAW)
        case 2:
            return _spliced(rng, value)
        case _:
            for _ in range(rng.randint(1, 3)):
                value = _mutated(rng, value)
            return json.dumps(value).encode()


def _spliced(rng: Random, value: Any) -> bytes:
    """A member stands twice, or holds what no writer writes."""
    written = json.dumps(value)
    at = written.find(":")
    if at < 0 or not isinstance(value, dict):
        return rng.choice(_RAW)
    twice = rng.random() < 0.5
    raw = rng.choice(_RAW).decode("latin-1")
    return (f"{{{written[1:at]}:{raw},{written[1:]}" if twice else f"{written[: at + 1]}{raw}}}").encode("latin-1")


def _mutated(rng: Random, value: Any) -> Any:
    """One place in it changed, at any depth."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        return _in_object(rng, value, name)
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], _mutated(rng, value[at]), *value[at + 1 :], *([value[at]] * rng.choice((0, 0, 1, 150)))]
    if isinstance(value, str) and rng.random() < 0.6:
        return mutated_text(rng, value)
    return rng.choice((*_VALUES, *_TEXTS[:30]))


def _in_object(rng: Random, value: dict[str, Any], name: str) -> dict[str, Any]:
    match rng.randrange(5):
        case 0:
            return {key: each for key, each in value.items() if key != name}
        case 1:
            return {**value, rng.choice((*_TEXTS[:10], "status", "crit", "b64", "jwk", "kid")): rng.choice(_VALUES)}
        case _:
            return {**value, name: _mutated(rng, value[name])}


def mutated_text(rng: Random, text: str) -> str:
    match rng.randrange(4):
        case 0:
            return rng.choice(_TEXTS)
        case 1:
            at = rng.randint(0, len(text))
            return text[:at] + rng.choice(_TEXTS) + text[at:]
        case _:
            return mutated_octets(rng, text.encode("utf-8", "replace"), 3).decode("latin-1")


def mutated_path(rng: Random, path: str) -> str:
    """Printable ASCII still, as a server lets nothing else through."""
    words = path.split("/")
    at = rng.randrange(len(words))
    change: Callable[[], None] = rng.choice(
        (
            lambda: words.pop(at),
            lambda: words.insert(at, rng.choice(("", "..", ".", "%2e%2e", "0", "x" * 300))),
            lambda: words.__setitem__(at, mutated_text(rng, words[at])),
            lambda: words.__setitem__(
                at, str(rng.choice((0, -1, 1 << 63, 1 << 64, 10**30, "1e3", "\u0663", "+1", "01")))
            ),
        )
    )
    change()
    return "/" + "".join(each for each in "/".join(words).lstrip("/") if "!" <= each <= "~" and each not in "?#")


def mutated_der(rng: Random, der: bytes) -> bytes:
    """A few octets, or one whole value: its tag, its length, its content, its place."""
    places = _places(der)
    if not places or rng.random() < 0.4:
        return mutated_octets(rng, der, 4)
    at, head, end = rng.choice(places)
    whole, content = der[at:end], der[at + head : end]
    new = rng.choice(
        (
            b"",
            whole * 2,
            bytes([rng.randrange(256)]) + whole[1:],
            whole[:1] + _length(len(content) + rng.choice((-1, 1, 127, 1 << 20))) + content,
            whole[:1] + b"\x80" + content + b"\0\0",
            whole[:1] + b"\x84\xff\xff\xff\xff" + content,
            _wrapped(whole, rng.choice((1, 5, 200))),
            whole[:1]
            + _length(len(content))
            + mutated_octets(rng, content, 3)[: len(content)].ljust(len(content), b"\0"),
            rng.choice([der[a:e] for a, _, e in places]),
        )
    )
    changed = der[:at] + new + der[end:]
    return _mended(changed) if rng.random() < 0.6 else changed


def _places(der: bytes, begin: int = 0, end: int | None = None, depth: int = 0) -> list[tuple[int, int, int]]:
    """Where values begin, how long their heads are, where they end; as far as it can be read."""
    found: list[tuple[int, int, int]] = []
    end = len(der) if end is None else end
    while begin + 2 <= end and depth < 12 and len(found) < 400:
        first, head = der[begin + 1], 2
        size = first
        if first & 0x80:
            octets = first & 0x7F
            head, size = 2 + octets, int.from_bytes(der[begin + 2 : begin + 2 + octets])
        if begin + head + size > end:
            break
        found.append((begin, head, begin + head + size))
        if der[begin] & 0x20:
            found += _places(der, begin + head, begin + head + size, depth + 1)
        begin += head + size
    return found


def _length(size: int) -> bytes:
    size = max(size, 0)
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(octets)]) + octets


def _wrapped(whole: bytes, times: int) -> bytes:
    for _ in range(times):
        whole = b"\x30" + _length(len(whole)) + whole
    return whole


def _mended(der: bytes) -> bytes:
    """The outermost length set right again, so that what is wrong lies deeper."""
    if len(der) < 2:
        return der
    head = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return der[:1] + _length(len(der) - head) + der[head:]
