"""nginx's configuration language: text to directives that remember where they stand.

As ngx_conf_file.c reads it: words, quotes, `\\` escapes, `${...}` inside words, comments, blocks.
The text is the administrator's, but bounded all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evercert.base.errors import EvercertError

__all__ = ["Directive", "parse"]

_MAX_DEPTH = 32

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<mark>[;{}])
      | (?P<bare>(?!["'])(?:\\.|\$\{|[^\s;{\\])+)""",
    re.VERBOSE | re.DOTALL,
)
# The body of a `*_by_lua_block` is Lua: braces count, but not inside its strings and comments.
_LUA = re.compile(
    r"""--\[\[.*?\]\] | --[^\n]* | \[\[.*?\]\] | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | (?P<brace>[{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive: its words without quotes, and where in the text it stands.

    `start` is its first character, `end` the one after its `;` or `}`; `inside` is the place
    after its `{`, or -1 where it has no block.
    """

    words: tuple[str, ...]
    start: int
    end: int
    inside: int = -1
    body: tuple[Directive, ...] = ()

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """The rest of one text. Owned by `parse`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def next(self) -> _Token | None:
        while self.place < len(self.text):
            match = _TOKEN.match(self.text, self.place)
            if match is None:
                raise _fault(self.text, self.place, "a quote or escape that does not end")
            self.place = match.end()
            if match.lastgroup != "space":
                return _Token(match.lastgroup or "", match.group(), match.start(), match.end())
        return None

    def skip_lua(self) -> None:
        """Afterwards the place is behind the `}` that ends the block whose `{` was read last."""
        depth, start = 1, self.place
        for match in _LUA.finditer(self.text, self.place):
            depth += {"{": 1, "}": -1}.get(match["brace"] or "", 0)
            if depth == 0:
                self.place = match.end()
                return
        raise _fault(self.text, start, "a block that does not end")


def parse(text: str) -> tuple[Directive, ...]:
    """The directives of *text*; raises `deploy` with the line where it makes no sense."""
    return tuple(_block(_Reader(text), depth=0))


def _block(reader: _Reader, depth: int) -> Iterator[Directive]:
    if depth > _MAX_DEPTH:
        raise _fault(reader.text, reader.place, f"blocks more than {_MAX_DEPTH} deep")
    words: list[_Token] = []
    while token := reader.next():
        if token.kind != "mark":
            words.append(token)
        elif token.text == "}":
            if words or depth == 0:
                raise _fault(reader.text, token.start, 'an unexpected "}"')
            return
        else:
            if not words:
                raise _fault(reader.text, token.start, f'an unexpected "{token.text}"')
            yield _directive(reader, words, token, depth)
            words = []
    if words or depth:
        raise _fault(reader.text, len(reader.text) - 1, "an end where a directive or block is not finished")


def _directive(reader: _Reader, tokens: list[_Token], mark: _Token, depth: int) -> Directive:
    words = tuple(map(_word, tokens))
    if mark.text == ";":
        return Directive(words, tokens[0].start, mark.end)
    if words[0].endswith("_by_lua_block"):
        reader.skip_lua()
        return Directive(words, tokens[0].start, reader.place, mark.end)
    body = tuple(_block(reader, depth + 1))
    return Directive(words, tokens[0].start, reader.place, mark.end, body)


def _word(token: _Token) -> str:
    text = token.text[1:-1] if token.kind == "quoted" else token.text
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


def _fault(text: str, place: int, what: str) -> EvercertError:
    return EvercertError("deploy", f"line {text.count(chr(10), 0, place) + 1} has {what}")
