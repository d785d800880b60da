"""What to change in Apache's configuration, so that a certificate is served from two files.

Pure: texts and what Apache told go in, edits come out; none where it says so already. A name
that is only served without TLS gets a twin of its virtual host, right behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.deploy.apache.section import Line, Section, lines, section_at
from evercert.deploy.apache.told import Told, VirtualHost, answering
from evercert.deploy.edits import Edit

__all__ = ["ROUTE_BEGIN", "ROUTE_END", "certificate_edits", "listening", "quoted", "tls_hosts"]

ROUTE_BEGIN, ROUTE_END = "# evercert's way for challenges", "# end of evercert's way"
_REMARK = "# installed by evercert"
_FILE, _KEY, _CHAIN = "SSLCertificateFile", "SSLCertificateKeyFile", "SSLCertificateChainFile"


def tls_hosts(told: Told, identifiers: Sequence[Identifier], port: int) -> dict[Identifier, list[VirtualHost]]:
    """For each name, the hosts that answer for it by name on the TLS port, one for each address."""
    return {name: [host for host, by_name in answering(told, name, port) if by_name] for name in identifiers}


def certificate_edits(
    told: Told,
    texts: Mapping[Path, str],
    identifiers: Sequence[Identifier],
    http: int,
    https: int,
    files: tuple[Path, Path],
) -> list[Edit]:
    """The edits after which the names' hosts serve the certificate and key of *files*.

    Raises `deploy` where no virtual host has any of the names, or mod_ssl is not loaded.
    """
    if "ssl_module" not in told.modules:
        raise EvercertError("deploy", "Apache has not loaded mod_ssl", hint="on Debian: a2enmod ssl, then restart it")
    by_name = tls_hosts(told, identifiers, https)
    with_tls = _each(host for hosts in by_name.values() for host in hosts)
    missing = [name for name, hosts in by_name.items() if not hosts]
    plain = _each(host for name in missing for host, named in answering(told, name, http) if named)
    if not with_tls and not plain:
        raise _no_host(identifiers)
    edits = [edit for host in with_tls for edit in _served(told, texts[host.path], host, files)]
    twins = [_twin(told, texts, host, http, https, files) for host in plain]
    return [*edits, *twins]


def listening(texts: Mapping[Path, str], port: int) -> list[str]:
    """The hosts of each `Listen` on *port*; empty text for all addresses."""
    written = [line.arguments[0] for text in texts.values() for line in lines(text) if line.name == "listen"]
    found = (re.fullmatch(r"(?:(\[[^\]]+\]|[^:]+):)?(\d+)", each) for each in written)
    return [(match[1] or "").strip("[]") for match in found if match and int(match[2]) == port]


def quoted(path: Path) -> str:
    """*path* as one argument; raises `bad-input` for what Apache would read as something else."""
    text = str(path)
    if re.search(r'["\\\n]|\$\{', text):
        raise EvercertError("bad-input", f"Apache cannot be given the path {text!r}", hint="choose another dir")
    return f'"{text}"'


def _each(hosts: Iterable[VirtualHost]) -> list[VirtualHost]:
    return list({host.place: host for host in hosts}.values())


def _served(told: Told, text: str, host: VirtualHost, files: tuple[Path, Path]) -> list[Edit]:
    section = section_at(text, host.line)
    _refuse_included(told, section)
    wanted = {_FILE: f"{_FILE} {quoted(files[0])}", _KEY: f"{_KEY} {quoted(files[1])}"}
    edits, missing = [], []
    if not section.named("SSLEngine"):
        missing.append("SSLEngine on")
    for name, line in wanted.items():
        edits += [Edit(host.path, each.start, each.end, line) for each in section.named(name)]
        missing += [] if section.named(name) else [line]
    # It would take the place of the chain in our file (mod_ssl: obsolete since 2.4.8).
    edits += [Edit(host.path, each.start, each.start, "# ") for each in section.named(_CHAIN)]
    if missing:
        added = "".join(f"\n    {line}" for line in (_REMARK, *missing))
        edits.append(Edit(host.path, section.first.end, section.first.end, added))
    return [edit for edit in edits if text[edit.start : edit.end] != edit.text]


def _refuse_included(told: Told, section: Section) -> None:
    for line in section.named("Include") + section.named("IncludeOptional"):
        pattern = str(told.root / line.arguments[0])
        for path in told.files:
            if path.match(pattern) and _names_certificate(path):
                raise EvercertError(
                    "deploy",
                    f"a virtual host takes its certificate from {path}, which it includes",
                    hint="write SSLCertificateFile and SSLCertificateKeyFile into the virtual host itself",
                )


def _names_certificate(path: Path) -> bool:
    return any(line.name == _FILE.lower() for line in lines(path.read_text("utf-8", "surrogateescape")))


def _twin(
    told: Told, texts: Mapping[Path, str], host: VirtualHost, http: int, https: int, files: tuple[Path, Path]
) -> Edit:
    text = texts[host.path]
    section = section_at(text, host.line)
    addresses = " ".join(_tls_address(each, http, https) for each in section.first.arguments)
    body = _body(text, section)
    listen = [] if listening(texts, https) else [f"Listen {https}"]
    ours = ["SSLEngine on", f"{_FILE} {quoted(files[0])}", f"{_KEY} {quoted(files[1])}"]
    written = [
        _REMARK,
        *listen,
        f"<VirtualHost {addresses}>",
        *body,
        *(f"    {line}" for line in ours),
        "</VirtualHost>",
    ]
    return Edit(host.path, section.last.end, section.last.end, "".join(f"\n{line}" for line in written))


def _tls_address(address: str, http: int, https: int) -> str:
    host, _, port = address.rpartition(":")
    return f"{host}:{https}" if host and port in {str(http), "*"} else f"{address}:{https}"


def _body(text: str, section: Section) -> list[str]:
    """The host's own lines, without what would send a client that has come by TLS to TLS again."""
    left_out = {number for line in _to_https(section) for number in _numbers(text, line)}
    first = section.first.number + text.count("\n", section.first.start, section.first.end) + 1
    numbered = enumerate(text.split("\n")[first - 1 : section.last.number - 1], first)
    kept = [line for number, line in numbered if number not in left_out]
    written = "\n".join(kept)
    return re.sub(rf"\s*{ROUTE_BEGIN}.*?{ROUTE_END}[^\n]*", "", written, flags=re.DOTALL).split("\n") if kept else []


def _to_https(section: Section) -> list[Line]:
    found: list[Line] = []
    conditions: list[Line] = []
    for line in section.body:
        leads = any(word.lower().startswith("https://") for word in line.arguments)
        if line.name == "rewritecond":
            conditions.append(line)
            continue
        if leads and (line.name == "rewriterule" or line.name.startswith("redirect")):
            found += [*conditions, line] if line.name == "rewriterule" else [line]
        conditions = []
    return found


def _numbers(text: str, line: Line) -> range:
    return range(line.number, line.number + text.count("\n", line.start, line.end) + 1)


def _no_host(identifiers: Sequence[Identifier]) -> EvercertError:
    names = " ".join(each.value for each in identifiers[:5])
    return EvercertError(
        "deploy",
        f"no virtual host of Apache has the name {names}",
        hint=f"write `ServerName {identifiers[0].value}` into the one that shall serve it",
    )
