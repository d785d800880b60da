"""What to change in nginx's configuration, so that a certificate is served from two files.

Pure: a configuration goes in, edits come out; none where it says so already. What a block has
is changed where it stands; what it lacks is added behind its `listen` and `server_name`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.deploy.edits import Edit
from evercert.deploy.nginx.servers import Answer, Listen, Server, answers, find_servers
from evercert.deploy.nginx.tree import Configuration, Node

__all__ = ["certificate_edits", "indent_of", "quoted", "tls_answers"]

_CERTIFICATE, _KEY = "ssl_certificate", "ssl_certificate_key"
_REMARK = "# installed by evercert"


def tls_answers(configuration: Configuration, identifiers: Iterable[Identifier], port: int) -> list[Answer]:
    """Where, with TLS, a block answers by name; the sockets to change and to prove."""
    servers = find_servers(configuration)
    found = [each for name in identifiers for each in answers(servers, name, port, tls=True)]
    return [each for each in found if each.by_name]


def certificate_edits(
    configuration: Configuration, identifiers: Sequence[Identifier], http: int, https: int, files: tuple[Path, Path]
) -> list[Edit]:
    """The edits after which the names' blocks serve the certificate and key of *files*.

    Raises `deploy` where no block answers by any of the names, or where a block's certificate
    cannot be changed without changing another's.
    """
    with_tls = tls_answers(configuration, identifiers, https)
    covered = {each.identifier for each in with_tls}
    servers = find_servers(configuration)
    missing = [each for each in identifiers if each not in covered]
    plain = [each for name in missing for each in answers(servers, name, http, tls=False) if each.by_name]
    if not with_tls and not plain:
        raise _no_block(identifiers)
    places = Counter(node.place for server in servers for node in _certificates(server))
    changing = Counter(node.place for server in _servers(with_tls + plain) for node in _certificates(server))
    edits = [edit for server in _servers(with_tls) for edit in _served(configuration, server, files)]
    for server in _servers(plain):
        listens = _tls_listens(server, servers, http, https)
        edits += _served(configuration, server, files, listens)
    for edit in edits:
        if edit.end > edit.start:
            _refuse_shared(edit, places, changing)
    return list(dict.fromkeys(edits))


def indent_of(text: str, place: int) -> str:
    """The white space at the beginning of the line that *place* is on."""
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip())]


def quoted(path: Path) -> str:
    """*path* as one word of nginx's language; raises `bad-input` if it would be read as a variable."""
    text = str(path)
    if "$" in text or "\n" in text:
        raise EvercertError("bad-input", f"nginx cannot be given the path {text!r}", hint="choose another dir")
    if re.fullmatch(r"[\w./@+,:~=-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _servers(found: Iterable[Answer]) -> list[Server]:
    return list({each.server.node.place: each.server for each in found}.values())


def _certificates(server: Server) -> list[Node]:
    return [child for child in server.node.children if child.name in {_CERTIFICATE, _KEY}]


def _served(
    configuration: Configuration, server: Server, files: tuple[Path, Path], listens: Sequence[str] = ()
) -> list[Edit]:
    wanted = {_CERTIFICATE: quoted(files[0]), _KEY: quoted(files[1])}
    present = _certificates(server)
    edits = [
        edit
        for node in present
        if (edit := _changed(configuration, node, f"{node.name} {wanted[node.name]};")) is not None
    ]
    missing = [f"{name} {path};" for name, path in wanted.items() if name not in {node.name for node in present}]
    if missing or listens:
        edits.append(_added(configuration, server, [*listens, *missing]))
    return edits


def _changed(configuration: Configuration, node: Node, wanted: str) -> Edit | None:
    """A second pair (an RSA certificate beside an ECDSA one) becomes ours as well: nginx takes the
    same pair twice, and the old one would be served to some clients until after it has expired."""
    start, end = node.directive.start, node.directive.end
    present = configuration.texts[node.path][start:end]
    if present == wanted:
        return None
    if "$" in present:
        hint = "write the names' own ssl_certificate into the block, or use the files target for the folder"
        raise EvercertError("deploy", f"{node.path} takes {node.name} from a variable", hint=hint)
    return Edit(node.path, start, end, wanted)


def _added(configuration: Configuration, server: Server, lines: Sequence[str]) -> Edit:
    """Behind the last `listen` or `server_name` that stands in the block's own text."""
    own = [
        child.directive
        for child in server.node.children
        if child.path == server.node.path
        and server.node.directive.start < child.directive.start < server.node.directive.end
    ]
    marks = [each for each in own if each.name in {"listen", "server_name"}]
    place = max((each.end for each in marks), default=server.node.directive.inside)
    text = configuration.texts[server.node.path]
    first = own[0].start if own else -1
    indent = indent_of(text, first) if first >= 0 and "\n" in text[:first] else "    "
    added = "".join(f"\n{indent}{line}" for line in (_REMARK, *lines))
    return Edit(server.node.path, place, place, added)


def _tls_listens(server: Server, servers: Sequence[Server], http: int, https: int) -> list[str]:
    """For each plain socket of the block, the same with TLS. Options of the socket are taken over
    only where nobody else sets them: nginx refuses to hear them twice."""
    taken = {each.socket for other in servers for each in other.listens}
    plain = [each for each in server.listens if each.port == http and not each.tls]
    return [f"listen {_written(each, https, taken)};" for each in dict.fromkeys(plain)]


def _written(plain: Listen, port: int, taken: set[tuple[str, int]]) -> str:
    shared = (
        () if (plain.host, port) in taken else tuple(each for each in plain.options if each.startswith("ipv6only="))
    )
    here = tuple(each for each in plain.options if each == "proxy_protocol")
    return " ".join((f"{plain.written_host}{port}", "ssl", *here, *shared))


def _refuse_shared(edit: Edit, places: Counter[tuple[Path, int]], changing: Counter[tuple[Path, int]]) -> None:
    place = (edit.path, edit.start)
    if places[place] > changing[place]:
        raise EvercertError(
            "deploy",
            f"{edit.path} gives other server blocks their certificate too",
            hint="write ssl_certificate and ssl_certificate_key into the server block itself",
        )


def _no_block(identifiers: Sequence[Identifier]) -> EvercertError:
    names = " ".join(each.value for each in identifiers[:5])
    return EvercertError(
        "deploy",
        f"no server block of nginx answers for {names}",
        hint=f"write `server_name {names};` into the block that shall serve it",
    )
