"""A plugin's header: its name, what it is for, and the fields that a user sets.

CLI options, forms, documents and the check of a configuration are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.secret import Secret

__all__ = ["Field", "Options", "PluginInfo", "PluginKind"]

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off", ""})


class PluginKind(Enum):
    DNS = "dns"
    DEPLOY = "deploy"
    # How a challenge is presented where no DNS provider is asked; no room for strangers' plugins.
    SOLVER = "solver"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of a plugin. A secret is given by reference only; unless a user says
    otherwise, its reference is `env:` and `EVERCERT_<PLUGIN>_<FIELD>` in capitals. Where the default is a whole
    number, or yes or no, so is whatever is set."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    name: str
    kind: PluginKind
    summary: str
    fields: tuple[Field, ...] = ()
    url: str = ""
    # For a plugin that stands for many: the further fields, given those that are set already.
    more_fields: Callable[[Mapping[str, str]], tuple[Field, ...]] | None = None

    def field(self, name: str) -> Field | None:
        for field in self.fields:
            if field.name == name:
                return field
        return None


@dataclass(frozen=True, slots=True)
class Options:
    """A plugin's fields, checked against its header, secrets resolved. Never stored or shown."""

    info: PluginInfo
    values: Mapping[str, str]
    secrets: Mapping[str, Secret]

    def __getitem__(self, name: str) -> str:
        """The value of a field that is no secret: what was set, or its default."""
        field = self.info.field(name)
        if field is None or field.secret:
            raise KeyError(name)
        return self.values.get(name, field.default)

    def secret(self, name: str) -> Secret:
        """The secret of that field; raises `bad-input` where it was not given."""
        if name not in self.secrets:
            raise EvercertError("bad-input", f"{self.info.name} needs its {name}", name=self.info.name)
        return self.secrets[name]

    def flag(self, name: str) -> bool:
        return self[name].lower() in _YES

    def number(self, name: str) -> int:
        try:
            return int(self[name])
        except ValueError as error:
            raise self._wrong(name, "a whole number") from error

    def check(self) -> None:
        """Raises `bad-input` for a value that is no whole number, or neither yes nor no, where the default is one. For
        whoever sets them; what is stored is taken as it stands."""
        for field in self.info.fields:
            if field.default.isdecimal():
                self.number(field.name)
            elif field.default in {"yes", "no"} and self[field.name].lower() not in _YES | _NO:
                raise self._wrong(field.name, "yes or no")

    def _wrong(self, name: str, wanted: str) -> EvercertError:
        field = self.info.field(name)
        message = f"{self.info.name}: {name} is {wanted}, not {one_line(self[name])!r}"
        return EvercertError("bad-input", message, hint=field.help if field else "")
