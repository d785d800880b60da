"""A way through nginx for challenge requests, opened for minutes and taken away again.

Each opener adds its own lines at the top of the blocks that answer on port 80, and they do not
disturb one another: what the topmost responder does not know is asked of the one below.

Why a rewrite: in a block whose first words are `return 301 https://...`, no location is ever
reached. `rewrite ... last`, standing above it, ends that phase (ngx_http_rewrite_module), and
the location that it leads to is ours alone, whatever the user's own are called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evercert.base.names import Identifier
from evercert.deploy.edits import Edit
from evercert.deploy.nginx.plan import indent_of
from evercert.deploy.nginx.servers import Answer, Server, answers, find_servers
from evercert.deploy.nginx.tree import Configuration

__all__ = ["ready_path", "route_answers", "route_edits"]

_PATH = "/.well-known/acme-challenge/"
# What would be inherited and must not apply to the CA's request, and how it is switched off. Only
# what the configuration uses is named: nginx may be built without the module.
_OVERRIDES = {
    "auth_basic": "auth_basic off;",
    "auth_request": "auth_request off;",
    "allow": "allow all;",
    "deny": "allow all;",
    "proxy_cache": "proxy_cache off;",
}


def ready_path(owner: str) -> str:
    """A challenge path that nginx itself answers with 204 once the owner's route is in use."""
    return f"{_PATH}evercert-ready-{owner}"


def route_answers(configuration: Configuration, identifiers: Sequence[Identifier], port: int) -> list[Answer]:
    """Who answers on port 80 for the names, be it as the default server."""
    servers = find_servers(configuration)
    return [each for name in identifiers for each in answers(servers, name, port, tls=False)]


def route_edits(
    configuration: Configuration, identifiers: Sequence[Identifier], http: int, owner: str, port: int
) -> list[Edit]:
    """The edits after which challenge requests for the names reach 127.0.0.1:*port*."""
    found = {each.server.node.place: each.server for each in route_answers(configuration, identifiers, http)}
    if not found:
        return _own_block(configuration, identifiers, http, owner, port)
    return [edit for server in found.values() if (edit := _into(configuration, server, owner, port)) is not None]


def _into(configuration: Configuration, server: Server, owner: str, port: int) -> Edit | None:
    directive = server.node.directive
    text = configuration.texts[server.node.path]
    routes = re.findall(r"location @evercert-([0-9a-f]+) ", text[directive.inside : directive.end])
    if owner in routes:
        return None
    indent = indent_of(text, directive.start) + "    "
    lines = _lines(configuration, owner, port, routes[0] if routes else "")
    return Edit(server.node.path, directive.inside, directive.inside, "".join(f"\n{indent}{line}" for line in lines))


def _own_block(
    configuration: Configuration, identifiers: Sequence[Identifier], http: int, owner: str, port: int
) -> list[Edit]:
    """A server block for the time being, where nothing listens on port 80."""
    context = next(node for node in configuration.nodes if node.name == "http")
    names = " ".join(sorted({each.base for each in identifiers}))
    ipv6 = any(each.host == "::" for server in find_servers(configuration) for each in server.listens)
    lines = [
        "server {",
        f"    listen {http};",
        *([f"    listen [::]:{http};"] if ipv6 else []),
        f"    server_name {names};",
        *(f"    {line}" for line in _lines(configuration, owner, port, "")),
        "}",
    ]
    text = "".join(f"\n    {line}" for line in lines)
    return [Edit(context.path, context.directive.inside, context.directive.inside, text)]


def _lines(configuration: Configuration, owner: str, port: int, below: str) -> list[str]:
    upstream = f"proxy_pass http://127.0.0.1:{port}"
    overrides = dict.fromkeys(line for name, line in _OVERRIDES.items() if configuration.named(name))
    also = "".join(f" {line}" for line in overrides)
    fall = f" proxy_intercept_errors on; error_page 404 = @evercert-{below};" if below else ""
    return [
        f"# evercert's way for challenges, taken away when they are answered: {owner}",
        f"rewrite ^{re.escape(_PATH)}([A-Za-z0-9_-]+)$ /.evercert-{owner}/$1 last;",
        f"location ^~ /.evercert-{owner}/ {{ internal;{also}{fall} {upstream}{_PATH}; }}",
        f"location = /.evercert-{owner}/evercert-ready-{owner} {{ internal;{also} return 204; }}",
        f"location @evercert-{owner} {{{also} rewrite /([^/]*)$ {_PATH}$1 break; {upstream}; }}",
    ]
