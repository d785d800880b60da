"""A way through Apache for challenge requests, opened for minutes and taken away again.

The lines stand at the top of a virtual host, before its own redirects and rewrites, and at its
end, where a `<Location>` has the last word on who may come in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.deploy.apache.plan import ROUTE_BEGIN, ROUTE_END, listening
from evercert.deploy.apache.section import lines, section_at
from evercert.deploy.apache.told import Told, VirtualHost, answering
from evercert.deploy.edits import Edit

__all__ = ["READY_STATUS", "ready_path", "route_edits", "route_hosts"]

_PATH = "/.well-known/acme-challenge/"
# With this status Apache itself, not the responder, answers `ready_path`.
READY_STATUS = 410
_NEEDED = {"proxy_module": "mod_proxy.so", "proxy_http_module": "mod_proxy_http.so"}


def ready_path(owner: str) -> str:
    """A challenge path that tells that the owner's route is in use."""
    return f"{_PATH}evercert-ready-{owner}"


def route_hosts(told: Told, identifiers: Sequence[Identifier], port: int) -> list[VirtualHost]:
    """Who answers on the HTTP port for the names, by name or as the first."""
    found = [host for name in identifiers for host, _ in answering(told, name, port)]
    return list({(each.place, each.host): each for each in found}.values())


def route_edits(
    told: Told, texts: Mapping[Path, str], identifiers: Sequence[Identifier], owner: str, http: int, port: int
) -> list[Edit]:
    """The edits after which challenge requests for the names reach 127.0.0.1:*port*."""
    hosts = list({each.place: each for each in route_hosts(told, identifiers, http)}.values())
    modules = _modules(told, texts)
    if not hosts:
        return [*modules, _own_host(told, texts, identifiers, owner, http, port)]
    found = [edit for host in hosts for edit in _into(texts[host.path], host, owner, port)]
    return [*modules, *found] if found else []


def _into(text: str, host: VirtualHost, owner: str, port: int) -> list[Edit]:
    section = section_at(text, host.line)
    if f"{ROUTE_BEGIN}: {owner}" in text[section.first.start : section.last.end]:
        return []
    top = "".join(f"\n    {line}" for line in _top(owner, port))
    bottom = "".join(f"    {line}\n" for line in _bottom(owner))
    # The closing tag's own indent stays with it.
    before_last = text.rfind("\n", 0, section.last.start) + 1
    return [
        Edit(host.path, section.first.end, section.first.end, top),
        Edit(host.path, before_last, before_last, bottom),
    ]


def _own_host(
    told: Told, texts: Mapping[Path, str], identifiers: Sequence[Identifier], owner: str, http: int, port: int
) -> Edit:
    """A virtual host for the time being, where none is on the HTTP port."""
    names = [each.base for each in identifiers]
    written = [
        f"{ROUTE_BEGIN}: {owner}",
        *([] if listening(texts, http) else [f"Listen {http}"]),
        f"<VirtualHost *:{http}>",
        f"    ServerName {names[0]}",
        *(f"    ServerAlias {name}" for name in names[1:]),
        *(f"    {line}" for line in (*_top(owner, port), *_bottom(owner))),
        "</VirtualHost>",
        ROUTE_END,
    ]
    main = told.files[0]
    text = texts[main]
    return Edit(main, len(text), len(text), "".join(f"\n{line}" for line in written) + "\n")


def _top(owner: str, port: int) -> list[str]:
    return [
        f"{ROUTE_BEGIN}: {owner}",
        "<IfModule rewrite_module>",
        "    RewriteEngine on",
        f'    RewriteRule "^{_PATH}" "-" [END]',
        "</IfModule>",
        f'ProxyPass "{ready_path(owner)}" "!"',
        f'ProxyPass "{_PATH}" "http://127.0.0.1:{port}{_PATH}"',
        "<IfModule alias_module>",
        f'    Redirect {READY_STATUS} "{ready_path(owner)}"',
        "</IfModule>",
        ROUTE_END,
    ]


def _bottom(owner: str) -> list[str]:
    return [
        f"{ROUTE_BEGIN}: {owner}",
        f'<Location "{_PATH}">',
        "    AuthType None",
        "    Require all granted",
        "</Location>",
        ROUTE_END,
    ]


def _modules(told: Told, texts: Mapping[Path, str]) -> list[Edit]:
    missing = {name: file for name, file in _NEEDED.items() if name not in told.modules}
    if not missing:
        return []
    folder = _modules_folder(told, texts)
    if folder is None or any(not (told.root / folder / file).exists() for file in missing.values()):
        raise EvercertError(
            "deploy", "Apache has not loaded mod_proxy_http", hint="on Debian: a2enmod proxy_http, then restart it"
        )
    loads = [f'LoadModule {name} "{folder / file}"' for name, file in missing.items()]
    return [Edit(told.files[0], 0, 0, "".join(f"{line}\n" for line in (ROUTE_BEGIN, *loads, ROUTE_END)))]


def _modules_folder(told: Told, texts: Mapping[Path, str]) -> Path | None:
    """Where the modules that are loaded lie, as the configuration writes it."""
    for text in texts.values():
        for line in lines(text):
            if line.name == "loadmodule" and "/mod_" in line.arguments[1]:
                return Path(line.arguments[1]).parent
    return None
