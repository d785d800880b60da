"""What Apache tells of its own configuration (`-t -D DUMP_VHOSTS ...`): no guess of ours about
includes, conditions, variables or macros can differ from what it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.deploy.apache.section import section_at

__all__ = ["DUMPS", "Told", "VirtualHost", "answering", "asked_for", "read_told", "with_aliases"]

DUMPS = ("-t", "-D", "DUMP_VHOSTS", "-D", "DUMP_INCLUDES", "-D", "DUMP_MODULES", "-D", "DUMP_RUN_CFG")

_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^\s:]+):(?P<port>\d+|\*)\s+(?P<rest>.+)")
_PLACE = re.compile(r"(?P<name>\S*)\s*\((?P<file>.+):(?P<line>\d+)\)")


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """One `<VirtualHost>` at one of its addresses: `host` is `*` for all, `port` 0 for all."""

    host: str
    port: int
    path: Path
    line: int
    names: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[Path, int]:
        return self.path, self.line

    def has_name(self, name: str) -> bool:
        """As mod_vhost compares: any case, `*` and `?` in aliases."""
        return any(fnmatchcase(name, pattern.lower()) for pattern in self.names)


@dataclass(frozen=True, slots=True)
class Told:
    """Virtual hosts in the order in which Apache tries them, every file read, loaded modules."""

    hosts: tuple[VirtualHost, ...]
    files: tuple[Path, ...]
    modules: frozenset[str]
    root: Path
    pid_file: Path


def read_told(output: str) -> Told:
    """The dump as values; lines that are none of these are left alone."""
    files = re.findall(r"^\s+\((?:\*|\d+)\) (\S.*)$", output, re.MULTILINE)
    modules = re.findall(r"^ (\w+_module) \(", output, re.MULTILINE)
    root = Path(_value(output, "ServerRoot") or "/")
    return Told(
        hosts=_hosts(output.splitlines()),
        files=tuple(dict.fromkeys(Path(each).resolve() for each in files)),
        modules=frozenset(modules),
        root=root,
        pid_file=root / _value(output, "PidFile"),
    )


def with_aliases(told: Told, texts: Mapping[Path, str]) -> Told:
    """*told*, with the aliases of hosts that are alone at their address: Apache leaves those out."""
    return replace(told, hosts=tuple(replace(host, names=(*host.names, *_written(host, texts))) for host in told.hosts))


def answering(told: Told, identifier: Identifier, port: int) -> list[tuple[VirtualHost, bool]]:
    """Who answers for the identifier at each address of *port*, and whether by name or as the first."""
    by_host: dict[str, list[VirtualHost]] = {}
    for each in told.hosts:
        if each.port in {port, 0}:
            by_host.setdefault(each.host, []).append(each)
    return [_chosen(candidates, asked_for(candidates, identifier)) for candidates in by_host.values()]


def _chosen(candidates: Sequence[VirtualHost], name: str) -> tuple[VirtualHost, bool]:
    named = next((each for each in candidates if each.has_name(name)), None)
    return (named, True) if named else (candidates[0], False)


def asked_for(candidates: Sequence[VirtualHost], identifier: Identifier) -> str:
    """The name, or for a wildcard one under it: a made-up one if some host takes all, else one that is there."""
    if not identifier.wildcard:
        return identifier.value
    made_up = f"evercert-proof.{identifier.base}"
    if any(each.has_name(made_up) for each in candidates):
        return made_up
    under = re.compile(rf"[^.*?]+\.{re.escape(identifier.base)}", re.IGNORECASE)
    return next((name.lower() for each in candidates for name in each.names if under.fullmatch(name)), made_up)


def _hosts(lines: Sequence[str]) -> tuple[VirtualHost, ...]:
    hosts: list[VirtualHost] = []
    host, port = "", 0
    for line in lines:
        address = _ADDRESS.match(line)
        if address:
            host, port = address["host"].strip("[]"), 0 if address["port"] == "*" else int(address["port"])
            # "is a NameVirtualHost" is followed by its hosts; otherwise the one host stands here.
            if found := _PLACE.fullmatch(address["rest"]):
                hosts.append(_host(host, port, found))
        elif named := re.match(r"\s+port \S+ namevhost (.+)", line):
            if found := _PLACE.fullmatch(named[1]):
                hosts.append(_host(host, port, found))
        elif (alias := re.match(r"\s+(?:wild )?alias (\S+)", line)) and hosts:
            last = hosts[-1]
            hosts[-1] = VirtualHost(last.host, last.port, last.path, last.line, (*last.names, alias[1].lower()))
    return tuple(hosts)


def _host(host: str, port: int, found: re.Match[str]) -> VirtualHost:
    return VirtualHost(host, port, Path(found["file"]).resolve(), int(found["line"]), (found["name"].lower(),))


def _written(host: VirtualHost, texts: Mapping[Path, str]) -> tuple[str, ...]:
    try:
        section = section_at(texts[host.path], host.line)
    except (KeyError, EvercertError):
        return ()  # made by a macro: what Apache told of it has to do
    return tuple(word.lower() for line in section.named("ServerAlias") for word in line.arguments)


def _value(output: str, name: str) -> str:
    found = re.search(rf'^{name}: "(.*)"$', output, re.MULTILINE)
    return found[1] if found else ""
