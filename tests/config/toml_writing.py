"""TOML as nobody would write it, together with where each of its keys and values was put."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from evercert.config.places import Path

__all__ = ["Written", "written_toml"]

_KEYS = st.sampled_from(["a", "b-c", "D_9", "x y", "ä.ö", "", '"', "it's", "\t", "1"])
_BLANKS = st.sampled_from(["", "", "", " ", "\t "])
_GAPS = st.sampled_from(["", "", "\n", '  # ] } = "\n', "\r\n", "\n# '''\n\n"])
_SCALARS = st.sampled_from(
    [
        "1", "-0x_f".replace("_", "").removeprefix("-"), "1e3", "inf", "true", "1979-05-27", "1979-05-27 07:32:00Z",
        "07:32:00", "''", "'# no comment'", '"a\\"]}"', '"\\u00e4"', '"""x"""', '"""\n\\""\\" # = [ """', "'''y'''",
        "'''\n'' ]\n'''", '"""a\\\n  b"" """', "'''it''''", '"""""""', "'äöü😀'", '"# [x]"',
    ]
)  # fmt: skip


class Written:
    """What was written so far; offsets count characters."""

    def __init__(self, data: st.DataObject) -> None:
        self.text = ""
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self._data = data

    def put(self, text: str) -> None:
        self.text += text

    def blank(self) -> None:
        self.put(self._data.draw(_BLANKS))

    def gap(self) -> None:
        self.put(self._data.draw(_GAPS))

    def key(self, path: Path, key: str) -> Path:
        path = (*path, key)
        self.keys.setdefault(path, len(self.text))
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        quoted = json.dumps(key) if "'" in key or "\t" in key or self._data.draw(st.booleans()) else f"'{key}'"
        self.put(key if bare and self._data.draw(st.booleans()) else quoted)
        return path

    def pair(self, table: Path, key: str, depth: int) -> None:
        path = self.key(table, key)
        if self._data.draw(st.booleans()):
            self.blank()
            self.put(".")
            self.blank()
            path = self.key(path, self._data.draw(_KEYS))
        self.blank()
        self.put("=")
        self.blank()
        self.value(path, depth)

    def value(self, path: Path, depth: int) -> None:
        self.values[path] = len(self.text)
        kind = self._data.draw(st.sampled_from(["scalar", "array", "inline"] if depth else ["scalar"]))
        if kind == "scalar":
            self.put(self._data.draw(_SCALARS))
        elif kind == "array":
            self.array(path, depth - 1)
        else:
            self.inline(path, depth - 1)

    def array(self, path: Path, depth: int) -> None:
        count = self._data.draw(st.integers(0, 3))
        self.put("[")
        for index in range(count):
            self.gap()
            self.value((*path, index), depth)
            self.gap()
            self.put("," if index < count - 1 or self._data.draw(st.booleans()) else "")
        self.gap()
        self.put("]")

    def inline(self, path: Path, depth: int) -> None:
        keys = self._data.draw(st.lists(_KEYS, unique=True, max_size=3))
        self.put("{")
        self.blank()
        for number, key in enumerate(keys):
            self.put("," if number else "")
            self.blank()
            self.pair(path, key, depth)
            self.blank()
        self.put("}")

    def table(self, name: str, repeated: int) -> None:
        """A table, or an array of so many; the last one has a table inside."""
        for number in range(repeated or 1):
            self.gap_and_break()
            self.put("[[" if repeated else "[")
            self.blank()
            at = len(self.text)
            path = self.key((), name)
            if repeated:
                path = (*path, number)
                self.keys[path] = self.values[path] = at
            self.blank()
            self.put("]]" if repeated else "]")
            self.pairs(path)
        if self._data.draw(st.booleans()):
            self.inner(name, path)

    def inner(self, name: str, path: Path) -> None:
        self.gap_and_break()
        self.put("[")
        self.key((), name)
        self.put(".")
        self.blank()
        path = self.key(path, "inside")
        self.put("]")
        self.pairs(path)

    def pairs(self, table: Path) -> None:
        for key in self._data.draw(st.lists(_KEYS, unique=True, max_size=3)):
            self.gap_and_break()
            self.blank()
            self.pair(table, key, 2)
        self.gap_and_break()

    def gap_and_break(self) -> None:
        self.blank()
        self.put(self._data.draw(st.sampled_from(["\n", "\r\n", " # [not] = 'a'\n", "\n\n"])))


def written_toml(data: st.DataObject) -> Written:
    written = Written(data)
    written.pairs(())
    for name in data.draw(st.lists(st.sampled_from(["t", "u.v", "wé"]), unique=True, max_size=3)):
        written.table(name, data.draw(st.integers(0, 2)))
    return written
