"""nginx: the names' server blocks are found, given the certificate, tested, reloaded and proved.

After the first time only one link changes. `nginx -s reload` ends with 0 also where the master
then refuses the configuration: so it is tested before, and the handshake has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.deploy.configured import CONFIGURED_FIELDS, ConfiguredTarget, Plan, Sight
from evercert.deploy.filed import demand_success
from evercert.deploy.nginx.plan import certificate_edits, tls_answers
from evercert.deploy.nginx.route import ready_path, route_answers, route_edits
from evercert.deploy.nginx.tree import Configuration, load
from evercert.plugins.contracts import Bundle, Completed, Endpoint, Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Nginx"]

# Debian's, and most others'; `nginx -V` tells where it is different.
_USUAL_CONF = "/etc/nginx/nginx.conf"


class Nginx(ConfiguredTarget):
    """Keeps the contracts of `Target` and `ChallengeRoute` with the nginx of this machine."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "nginx",
        PluginKind.DEPLOY,
        "the nginx of this machine, its configuration included",
        (
            Field("binary", "the program", default="nginx"),
            Field("conf", "its main configuration file; the one that it was built with if not given"),
            Field("prefix", "its prefix (-p)"),
            *CONFIGURED_FIELDS,
        ),
        url="https://nginx.org/en/docs/http/configuring_https_servers.html",
    )
    server = "nginx"
    ready_status = 204

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        super().__init__(options, ports, state)
        self._main: Path | None = None

    async def _folder(self) -> Path:
        return (await self._conf()).parent

    async def _certificate_plan(self, bundle: Bundle, certificate: Path, key: Path) -> Plan:
        configuration = await self._load()
        edits = certificate_edits(configuration, bundle.identifiers, self._http, self._https, (certificate, key))
        return Plan(configuration.texts, edits)

    async def _found_endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        """None where clients are to speak the PROXY protocol first: a plain handshake would only fail."""
        return [
            Endpoint(each.listen.reached_at, each.listen.port, each.name if each.identifier.type == "dns" else "")
            for each in tls_answers(await self._load(), bundle.identifiers, self._https)
            if not each.listen.expects_proxy
        ]

    async def _route_plan(self, identifiers: Sequence[Identifier], port: int) -> Plan:
        configuration = await self._load()
        return Plan(configuration.texts, route_edits(configuration, identifiers, self._http, self._route_owner, port))

    async def _route_sights(self, identifiers: Sequence[Identifier]) -> tuple[str, Sequence[Sight]]:
        answers = route_answers(await self._load(), identifiers, self._http)
        sights = [
            Sight(each.listen.reached_at, each.listen.port, each.name)
            for each in answers
            if not each.listen.expects_proxy
        ]
        return ready_path(self._route_owner), sights

    async def _load(self) -> Configuration:
        return load(await self._conf())

    async def _conf(self) -> Path:
        """The main file, found once."""
        if self._main is None:
            given = self._options["conf"]
            self._main = Path(given) if given else await self._built_in_conf()
        if not self._main.is_file():
            raise EvercertError("deploy", f"there is no {self._main}", hint="is nginx installed? else set conf")
        return self._main

    async def _built_in_conf(self) -> Path:
        told = (await self._ports.programs.run([self._options["binary"], "-V"])).output
        found = re.search(r"--conf-path=(\S+)", told)
        return Path(found[1]) if found else Path(_USUAL_CONF)

    async def _test(self, what: str) -> None:
        completed = await self._run("-t")
        if completed.status:
            fault = re.search(r"\[(?:emerg|alert|crit|error)\] .*", completed.output)
            words = one_line(fault[0] if fault else completed.output)
            raise EvercertError("deploy", f"{what}: {words}", hint="`nginx -t` shows it")

    async def _reload(self) -> None:
        demand_success(await self._run("-s", "reload"), "nginx -s reload", "is nginx running? start it, then try again")

    async def _run(self, *arguments: str) -> Completed:
        argv = [self._options["binary"], *arguments]
        if self._options["conf"]:
            argv += ["-c", self._options["conf"]]
        if self._options["prefix"]:
            argv += ["-p", self._options["prefix"]]
        return await self._ports.programs.run(argv)
