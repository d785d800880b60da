"""nginx: the names' server blocks are found, given the certificate, tested, reloaded and proved.

After the first time only one link changes. `nginx -s reload` ends with 0 also where the master
then refuses the configuration: so it is tested before, and the handshake has the last word.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.message import Request
from evercert.base.names import Identifier
from evercert.deploy.edits import Edit, Journal
from evercert.deploy.fields import DIR_FIELD, ENDPOINT_FIELD, endpoints_of
from evercert.deploy.filed import FiledTarget, demand_success
from evercert.deploy.nginx.plan import Ports as ServerPorts
from evercert.deploy.nginx.plan import certificate_edits, tls_answers
from evercert.deploy.nginx.route import ready_path, route_answers, route_edits
from evercert.deploy.nginx.servers import Answer
from evercert.deploy.nginx.tree import Configuration, load
from evercert.deploy.turn import turn
from evercert.plugins.contracts import Bundle, Completed, Endpoint, Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Nginx"]

# Debian's, and what nginx itself was built with elsewhere: `nginx -V` tells.
_USUAL_CONF = "/etc/nginx/nginx.conf"
# After the first new worker answers, old ones still take connections for about 100 ms
# (ngx_master_process_cycle sleeps that long before it tells them to quit).
_SETTLED_LOOKS, _BETWEEN_LOOKS = 4, 0.1
_ROUTE_PATIENCE = 15.0


class Nginx(FiledTarget):
    """Keeps the contracts of `Target` and `ChallengeRoute` with the nginx of this machine."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "nginx",
        PluginKind.DEPLOY,
        "the nginx of this machine, its configuration included",
        (
            Field("binary", "the program", default="nginx"),
            Field("conf", "its main configuration file; the one that it was built with if not given"),
            Field("prefix", "its prefix (-p)"),
            Field("edit", "no: the configuration names the files already, and is left alone", default="yes"),
            Field("http_port", "the port that the CA's port 80 leads to", default="80"),
            Field("https_port", "the port that clients' port 443 leads to", default="443"),
            DIR_FIELD,
            ENDPOINT_FIELD,
            Field("owner", "user that owns the files"),
            Field("group", "group that may read the key"),
        ),
        url="https://nginx.org/en/docs/http/configuring_https_servers.html",
    )

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        super().__init__(options, ports, state)
        self._ports_served = ServerPorts(options.number("http_port"), options.number("https_port"))
        self._edits = Journal(state / "edits.json")
        self._route = Journal(state / "route.json")
        self._route_owner = sha256(str(state).encode()).hexdigest()[:12]
        self._main: Path | None = None

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            await held.enter_async_context(super().exclusive())
            await held.enter_async_context(turn((await self._conf()).parent, self._ports.clock))
            yield

    async def stage(self, bundle: Bundle) -> None:
        # What a dead process had changed was never proved: begin from what the user had.
        self._edits.undo()
        await super().stage(bundle)

    async def check(self, bundle: Bundle) -> None:
        if bundle.private_key is None:
            raise EvercertError("deploy", "nginx needs the private key, and this certificate's is elsewhere")
        await self._test("nginx's configuration was broken before anything was changed")
        endpoints_of(self._options, bundle)
        if self._options.flag("edit"):
            self._certificate_edits(await self._load(), bundle)

    async def swap(self, bundle: Bundle) -> None:
        await super().swap(bundle)
        if self._options.flag("edit"):
            configuration = await self._load()
            self._edits.write(configuration.texts, self._certificate_edits(configuration, bundle))

    async def reload(self, bundle: Bundle) -> None:
        await self._test("nginx refuses the configuration")
        await self._reload()

    async def roll_back(self, bundle: Bundle) -> None:
        self._edits.undo()
        await super().roll_back(bundle)

    async def settle(self, bundle: Bundle) -> None:
        self._edits.forget()
        await super().settle(bundle)

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        if given := endpoints_of(self._options, bundle):
            return given
        answers = tls_answers(await self._load(), bundle.identifiers, self._ports_served)
        return list(dict.fromkeys(_endpoint(each) for each in answers if "proxy_protocol" not in each.listen.options))

    async def open_route(self, identifiers: Sequence[Identifier], port: int) -> None:
        """As promised in `ChallengeRoute`, and in use when it returns; raises `deploy` if nginx does not take it."""
        async with turn((await self._conf()).parent, self._ports.clock):
            await self._test("nginx's configuration was broken before anything was changed")
            configuration = await self._load()
            edits = route_edits(configuration, identifiers, self._ports_served, self._route_owner, port)
            if not edits:
                return
            self._route.write(configuration.texts, edits)
            try:
                await self._test("nginx refuses the way for challenges")
                await self._reload()
                await self._wait_for_route(identifiers)
            except BaseException:
                self._route.undo()
                raise

    async def close_route(self) -> None:
        if not self._route.is_open():
            return
        async with turn((await self._conf()).parent, self._ports.clock):
            self._route.undo()
            # A server that was stopped meanwhile, or a configuration that the user is working on,
            # is no reason to fail: the files are as they shall be.
            await self._run("-s", "reload")

    def _certificate_edits(self, configuration: Configuration, bundle: Bundle) -> list[Edit]:
        live = self._generations(bundle).live
        return certificate_edits(
            configuration, bundle.identifiers, self._ports_served, live / "fullchain.pem", live / "privkey.pem"
        )

    async def _wait_for_route(self, identifiers: Sequence[Identifier]) -> None:
        answers = route_answers(await self._load(), identifiers, self._ports_served)
        reached = {each.listen.socket: each for each in answers if "proxy_protocol" not in each.listen.options}
        until = self._ports.clock.monotonic() + _ROUTE_PATIENCE
        for answer in reached.values():
            seen = 0
            while seen < _SETTLED_LOOKS:
                seen = seen + 1 if await self._answers_route(answer) else 0
                if self._ports.clock.monotonic() >= until:
                    place = f"{answer.listen.reached_at}:{answer.listen.port}"
                    hint = "look into its error log; is the port another program's?"
                    raise EvercertError("deploy", f"nginx does not answer challenges at {place}", hint=hint)
                await self._ports.clock.sleep(_BETWEEN_LOOKS)

    async def _answers_route(self, answer: Answer) -> bool:
        address = answer.listen.reached_at
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{answer.listen.port}{ready_path(self._route_owner)}"
        # A connection that is kept alive would show the same worker again and again.
        headers = {"Host": answer.name, "Connection": "close"}
        try:
            return (await self._ports.http.send(Request("GET", url, headers))).status == 204
        except EvercertError:
            return False

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


def _endpoint(answer: Answer) -> Endpoint:
    name = answer.name if answer.identifier.type == "dns" else ""
    return Endpoint(answer.listen.reached_at, answer.listen.port, name)
