"""Apache: the names' virtual hosts are found, given the certificate, tested, reloaded and proved.

Apache itself tells which hosts there are. After the first time only one link changes; a
graceful restart then loads the new files, and the handshake has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.deploy.apache.plan import certificate_edits, listening, tls_hosts
from evercert.deploy.apache.route import READY_STATUS, ready_path, route_edits, route_hosts
from evercert.deploy.apache.told import DUMPS, Told, asked_for, read_told, with_aliases
from evercert.deploy.configured import CONFIGURED_FIELDS, ConfiguredTarget, Plan, Sight
from evercert.deploy.filed import demand_success
from evercert.host.files import read_bounded
from evercert.plugins.contracts import Bundle, Completed, Endpoint, Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Apache"]

_MAX_FILE = 16 << 20
# Debian's script, which knows the variables that Debian's configuration needs; elsewhere the program itself.
_BINARIES = ("apache2ctl", "httpd", "apachectl")


class Apache(ConfiguredTarget):
    """Keeps the contracts of `Target` and `ChallengeRoute` with the Apache of this machine."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "apache",
        PluginKind.DEPLOY,
        "the Apache of this machine, its configuration included",
        (
            Field("binary", "the program; apache2ctl or httpd if not given"),
            Field("conf", "its main configuration file (-f)"),
            Field("root", "its ServerRoot (-d)"),
            *CONFIGURED_FIELDS,
        ),
        url="https://httpd.apache.org/docs/2.4/ssl/ssl_howto.html",
    )
    server = "Apache"
    ready_status = READY_STATUS

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        super().__init__(options, ports, state)
        self._binary = options["binary"]

    async def _folder(self) -> Path:
        if self._options["conf"]:
            return Path(self._options["conf"]).parent
        # Where the configuration is broken nothing is told of it, and `check` says so.
        told = read_told((await self._run(*DUMPS)).output)
        return told.files[0].parent if told.files else self._state

    async def _certificate_plan(self, bundle: Bundle, certificate: Path, key: Path) -> Plan:
        told, texts = await self._told()
        edits = certificate_edits(told, texts, bundle.identifiers, self._http, self._https, (certificate, key))
        return Plan(texts, edits)

    async def _found_endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        told, texts = await self._told()
        listens = listening(texts, self._https)
        return [
            Endpoint(address, self._https, asked_for(hosts, name) if name.type == "dns" else "")
            for name, hosts in tls_hosts(told, bundle.identifiers, self._https).items()
            for host in hosts
            for address in _reached(host.host, listens)
        ]

    async def _route_plan(self, identifiers: Sequence[Identifier], port: int) -> Plan:
        told, texts = await self._told()
        return Plan(texts, route_edits(told, texts, identifiers, self._route_owner, self._http, port))

    async def _route_sights(self, identifiers: Sequence[Identifier]) -> tuple[str, Sequence[Sight]]:
        told, texts = await self._told()
        listens = listening(texts, self._http)
        sights = [
            Sight(address, self._http, name.base)
            for name in identifiers
            for host in route_hosts(told, [name], self._http)
            for address in _reached(host.host, listens)
        ]
        return ready_path(self._route_owner), sights if "alias_module" in told.modules else ()

    async def _told(self) -> tuple[Told, dict[Path, str]]:
        completed = await self._run(*DUMPS)
        told = read_told(completed.output)
        if completed.status or not told.files:
            raise EvercertError("deploy", f"Apache tells nothing of its configuration: {one_line(completed.output)}")
        texts = {path: read_bounded(path, _MAX_FILE).decode("utf-8", "surrogateescape") for path in told.files}
        return with_aliases(told, texts), texts

    async def _test(self, what: str) -> None:
        completed = await self._run("-t")
        if completed.status:
            # AH00558 (no ServerName for the machine itself) comes before whatever is wrong.
            lines = [line for line in completed.output.splitlines() if "AH00558" not in line]
            raise EvercertError("deploy", f"{what}: {one_line(' '.join(lines))}", hint="`apachectl -t` shows it")

    async def _reload(self) -> None:
        told, _ = await self._told()
        if not _runs(told.pid_file):
            # `-k graceful` would start one, outside of whatever looks after it on this machine.
            raise EvercertError("deploy", "Apache is not running", hint="start it, then try again")
        demand_success(await self._run("-k", "graceful"), "apache -k graceful")

    async def _run(self, *arguments: str) -> Completed:
        argv = [await self._program(), *arguments]
        if self._options["root"]:
            argv += ["-d", self._options["root"]]
        if self._options["conf"]:
            argv += ["-f", self._options["conf"]]
        return await self._ports.programs.run(argv)

    async def _program(self) -> str:
        for name in () if self._binary else _BINARIES:
            try:
                await self._ports.programs.run([name, "-v"])
            except EvercertError:
                continue
            self._binary = name
            break
        if not self._binary:
            raise EvercertError("deploy", "there is no Apache on this machine", hint="install it, or set binary")
        return self._binary


def _reached(host: str, listens: Sequence[str]) -> list[str]:
    """Addresses of this machine where a virtual host answers. A `Listen` without an address takes
    IPv4 and IPv6 alike; IPv4 is asked, which every machine has on its loopback."""
    if host not in {"*", "_default_", "0.0.0.0", "::"}:  # noqa: S104  # compared, never bound
        return [host]
    everywhere = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # as above
    return list(dict.fromkeys(everywhere.get(each, each) for each in listens))


def _runs(pid_file: Path) -> bool:
    try:
        return Path("/proc", str(int(read_bounded(pid_file, 20)))).exists()
    except (OSError, ValueError):
        return False
