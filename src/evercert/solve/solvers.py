"""Solvers by name: one long-lived instance per distinct way, shared by all issuances of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.secret import Secret
from evercert.model.intent import ChallengeRule
from evercert.net.dns import DnsResolver
from evercert.net.listen import AlpnResponder, HttpResponder
from evercert.plugins import registry
from evercert.plugins.contracts import ChallengeRoute, DnsProvider, Ports, Resolver, Solver
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.solve.dns01 import DNS_FIELDS, DnsSolver, Placing
from evercert.solve.dns_persist01 import PERSIST_FIELDS, PersistSolver
from evercert.solve.http01 import AutoSolver, RespondingSolver, RouteSolver
from evercert.solve.propagation import Propagation
from evercert.solve.records import Records
from evercert.solve.responders import SharedResponder
from evercert.solve.response import CHALLENGE_TYPES
from evercert.solve.tls_alpn01 import AlpnSolver, FrontedResponder, upstream_of
from evercert.solve.webroot import WebrootSolver
from evercert.solve.zones import Zones

__all__ = ["SOLVERS", "Solvers", "check_rule"]

# All IPv4 and IPv6 addresses of this machine.
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - the CA comes from outside, so it must
_LOOPBACK: Final = ("127.0.0.1",)

_ADDRESS = Field("address", "addresses to listen on, comma separated; empty: all")
_PORT_80 = Field("port", "port to listen on, if port 80 is forwarded to it", default="80")
_PORT_443 = Field("port", "port to listen on, if port 443 is forwarded to it", default="443")


def _info(name: str, summary: str, *fields: Field) -> PluginInfo:
    return PluginInfo(name, PluginKind.SOLVER, summary, fields)


# (challenge type, solver) -> its header. The DNS challenges' solvers are the DNS providers.
SOLVERS: Final[Mapping[tuple[str, str], PluginInfo]] = {
    ("http-01", "auto"): _info(
        "auto", "standalone, or through the server that a target installs into", _PORT_80, _ADDRESS
    ),
    ("http-01", "standalone"): _info("standalone", "answer on port 80 ourselves", _PORT_80, _ADDRESS),
    ("http-01", "webroot"): _info(
        "webroot",
        "a file below the folder that a web server serves",
        Field("root", "the folder, such as /var/www/html", required=True),
    ),
    ("http-01", "proxy"): _info(
        "proxy",
        "answer on a port to which your server forwards /.well-known/acme-challenge/",
        Field("port", "the port that your server forwards to", required=True),
        Field("address", "address to listen on", default="127.0.0.1"),
    ),
    ("http-01", "route"): _info("route", "let the server that a target installs into forward to us"),
    ("tls-alpn-01", "standalone"): _info("standalone", "answer on port 443 ourselves", _PORT_443, _ADDRESS),
    ("tls-alpn-01", "front"): _info(
        "front",
        "stand before a live TLS server and pass everything but the challenge through: `evercert run` from its "
        "start to its end, any other command only while it works",
        Field("upstream", "the live server, host:port", required=True),
        Field("proxy_protocol", "yes: name each client to it (PROXY protocol v2), which it must expect", default="no"),
        _PORT_443,
        _ADDRESS,
    ),
}

_Key = tuple[object, ...]

_DNS_TYPES: Final = ("dns-01", "dns-account-01", "dns-persist-01")


def check_rule(rule: ChallengeRule, resolve_secret: Callable[[str], Secret]) -> None:
    """Raises what `Solvers` would raise on the way, before anything is ordered: an unknown solver or
    field, a field that is missing, no number or no place to pass on to, a folder or a secret that is not there."""
    options = _options(rule.solver, rule.options, rule.type, resolve_secret)
    options.check()
    _check_numbers(rule.type, options)
    if _is_front(rule):
        upstream_of(options["upstream"])
    if rule.solver == "webroot" and not Path(options["root"]).is_dir():
        hint = "name the folder that the web server serves, such as /var/www/html"
        raise EvercertError("bad-input", f"there is no folder {one_line(options['root'])!r}", hint=hint)


def _check_numbers(challenge_type: str, options: Options) -> None:
    """Those of which no default shows that they are numbers."""
    if challenge_type not in _DNS_TYPES:
        if options.info.field("port"):
            _port(options)
        return
    for name in ("concurrency", "changes_per_minute"):
        if options[name]:
            options.number(name)


class Solvers:
    """Owned by the engine. Every solver that it hands out lives until `close`."""

    def __init__(
        self,
        ports: Ports,
        resolve_secret: Callable[[str], Secret],
        *,
        resolving_through: Callable[[Sequence[str]], Resolver] = DnsResolver,
    ) -> None:
        self._ports = ports
        self._resolve_secret = resolve_secret
        self._zones = Zones(ports.dns, ports.clock)
        self._propagation = Propagation(ports.dns, ports.clock, resolving_through)
        self._solvers: dict[_Key, Solver] = {}
        self._accounts: dict[_Key, tuple[Options, Records]] = {}
        self._http: dict[tuple[tuple[str, ...], int], SharedResponder[HttpResponder]] = {}
        self._alpn: dict[tuple[tuple[str, ...], int], SharedResponder[AlpnResponder]] = {}
        self._fronts: dict[_Key, SharedResponder[FrontedResponder]] = {}
        self._editing = asyncio.Lock()
        # A route belongs to one attempt, so its solver lives as long as the attempt holds it, or as long as it
        # is busy: then only it knows what it has opened.
        self._routed: WeakValueDictionary[_Key, AutoSolver | RouteSolver] = WeakValueDictionary()
        self._busy: set[object] = set()

    def for_item(
        self, solver: str, options: Mapping[str, str], challenge_type: str, route: ChallengeRoute | None = None
    ) -> Solver:
        """The solver of that name, the same one for equal arguments. Raises as `check_rule`."""
        checked = _options(solver, options, challenge_type, self._resolve_secret)
        key = (challenge_type, solver, *sorted(options.items()))
        if challenge_type in _DNS_TYPES:
            return self._dns(key, checked)
        if solver in {"auto", "route"} and route is not None:
            return self._through(route, key, checked)
        if key not in self._solvers:
            self._solvers[key] = self._made(challenge_type, solver, checked)
        return self._solvers[key]

    async def stand(self, rule: ChallengeRule) -> None:
        """Afterwards the live server that *rule* stands before is served through us until `close`, whether
        anything is to be answered or not; nothing for a rule that stands before none.

        Idempotent. Raises `port`, and what `check_rule` raises.
        """
        if _is_front(rule):
            await self._fronted(_options(rule.solver, rule.options, rule.type, self._resolve_secret)).open()

    async def close(self) -> None:
        """Afterwards nothing listens."""
        for responders in (self._http, self._alpn, self._fronts):
            for responder in responders.values():
                await responder.close()

    def _made(self, challenge_type: str, solver: str, options: Options) -> Solver:
        if challenge_type == "tls-alpn-01":
            return AlpnSolver(self._alpn_responder(options))
        if solver == "webroot":
            return WebrootSolver(options["root"])
        if solver == "route":
            raise EvercertError(
                "no-challenge",
                "no target of this certificate runs a server that could forward",
                hint="add --deploy nginx or --deploy apache, or use --webroot or standalone",
            )
        responding = RespondingSolver(self._http_responder(_addresses(options), _port(options)))
        return AutoSolver(responding, None, self._busy) if solver == "auto" else responding

    def _through(self, route: ChallengeRoute, key: _Key, options: Options) -> Solver:
        """`auto` or `route` with a route of the attempt's own."""
        key = (*key, id(route))  # it is alive as long as the solver that is found under it
        solver = self._routed.get(key)
        if solver is None:
            loopback = RespondingSolver(self._http_responder(_LOOPBACK, 0))
            solver = RouteSolver(loopback, route, self._editing, self._busy)
            if options.info.name == "auto":
                standalone = RespondingSolver(self._http_responder(_addresses(options), _port(options)))
                solver = AutoSolver(standalone, solver, self._busy)
            self._routed[key] = solver
        return solver

    def _http_responder(self, addresses: tuple[str, ...], port: int) -> SharedResponder[HttpResponder]:
        if (addresses, port) not in self._http:
            self._http[addresses, port] = SharedResponder(HttpResponder, addresses, port)
        return self._http[addresses, port]

    def _alpn_responder(self, options: Options) -> SharedResponder[AlpnResponder] | SharedResponder[FrontedResponder]:
        if options.info.name == "front":
            return self._fronted(options)
        place = _addresses(options), _port(options)
        return self._alpn.setdefault(place, SharedResponder(AlpnResponder, *place))

    def _fronted(self, options: Options) -> SharedResponder[FrontedResponder]:
        addresses, port = _addresses(options), _port(options)
        upstream, told = upstream_of(options["upstream"]), options.flag("proxy_protocol")
        fronted = SharedResponder(lambda: FrontedResponder(*upstream, proxy_protocol=told), addresses, port, stays=True)
        return self._fronts.setdefault((addresses, port, upstream, told), fronted)

    def _dns(self, key: _Key, options: Options) -> Solver:
        records = self._records_at(key[1:], options)
        if key not in self._solvers:
            placing = Placing(options, self._ports.dns, self._zones, self._propagation)
            self._solvers[key] = (
                PersistSolver(records, placing, self._ports.dns, self._ports.clock)
                if key[0] == "dns-persist-01"
                else DnsSolver(records, placing)
            )
        return self._solvers[key]

    def _records_at(self, account: _Key, options: Options) -> Records:
        """The records held at one provider account, whatever the challenge type."""
        before, records = self._accounts.get(account, (options, None))
        if records is None:
            records = Records(self._provider(options))
        elif before.secrets != options.secrets:
            records.provider = self._provider(options)  # a token was changed while we run
        self._accounts[account] = options, records
        return records

    def _provider(self, options: Options) -> DnsProvider:
        provider: type[DnsProvider] = registry.load(PluginKind.DNS, options.info.name)
        return provider(options, self._ports)


def _options(
    solver: str, values: Mapping[str, str], challenge_type: str, resolve_secret: Callable[[str], Secret]
) -> Options:
    """The options checked against the header of the solver, or of the DNS provider with what all of them have."""
    if challenge_type in _DNS_TYPES:
        info: PluginInfo = registry.load(PluginKind.DNS, solver).info
        further = DNS_FIELDS + (PERSIST_FIELDS if challenge_type == "dns-persist-01" else ())
        own = {field.name for field in info.fields}
        info = replace(info, fields=info.fields + tuple(field for field in further if field.name not in own))
        return registry.options(info, values, resolve_secret)
    if (challenge_type, solver) not in SOLVERS:
        raise _unknown(one_line(challenge_type, 40), one_line(solver, 40))
    return registry.options(SOLVERS[challenge_type, solver], values, resolve_secret)


def _unknown(challenge_type: str, solver: str) -> EvercertError:
    if challenge_type not in CHALLENGE_TYPES:
        hint = registry.meant(challenge_type, [*CHALLENGE_TYPES])
        return EvercertError("not-found", f"there is no challenge {challenge_type!r}", hint=hint)
    hint = registry.meant(solver, [name for kind, name in SOLVERS if kind == challenge_type])
    return EvercertError("not-found", f"there is no {challenge_type} solver {solver!r}", hint=hint)


def _is_front(rule: ChallengeRule) -> bool:
    return (rule.type, rule.solver) == ("tls-alpn-01", "front")


def _addresses(options: Options) -> tuple[str, ...]:
    return tuple(part.strip() for part in options["address"].split(",") if part.strip()) or _EVERYWHERE


def _port(options: Options) -> int:
    port = options.number("port")
    if not 0 <= port < 65536:
        hint = "write a number from 1 to 65535"
        raise EvercertError("bad-input", f"port: {port} is not one", hint=hint, name=options.info.name)
    return port
