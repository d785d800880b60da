"""HAProxy: the PEM file that its configuration names, and the same in its memory.

With `socket`, the certificate is exchanged in memory, in one transaction, without a reload;
without, a program of the user's reloads HAProxy. The file is written in both cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.deploy.edits import Edit, Journal
from evercert.deploy.fields import (
    ACCESS_FIELDS,
    DIR_FIELD,
    ENDPOINT_FIELD,
    access_of,
    endpoints_of,
    program_of,
    server_names,
)
from evercert.deploy.filed import FiledTarget, demand_success
from evercert.deploy.generations import folder_name
from evercert.deploy.haproxy.binds import places
from evercert.deploy.haproxy.runtime import Runtime
from evercert.deploy.rehearsing import demand_runnable, demand_writable, doubts_of
from evercert.host.files import read_bounded, remove_durably, write_durably
from evercert.plugins.contracts import Bundle, Endpoint, Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["HAProxy"]

_MAX_PEM = 1 << 20
_MAX_FILE = 16 << 20


class _Before(msgspec.Struct, frozen=True):
    """The PEM file before it was first touched; None where there was none. Holds a key: 0600, in a 0700 folder."""

    pem: bytes | None


class HAProxy(FiledTarget):
    """Keeps the contract of `Target` with the HAProxy of this machine."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "haproxy",
        PluginKind.DEPLOY,
        "the HAProxy of this machine, by its runtime API or by a reload",
        (
            Field("crt", "the PEM file or folder that a bind line names; live/NAME/combined.pem if not given"),
            Field("socket", "its stats socket, which must have level admin"),
            Field("crt_list", "the crt-list that a new certificate is added to"),
            Field("conf", "its configuration, tested before a reload and read for where to prove"),
            Field("binary", "the program", default="haproxy"),
            Field("reload", "program and arguments that reload it, where there is no socket"),
            DIR_FIELD,
            ENDPOINT_FIELD,
            *ACCESS_FIELDS,
        ),
        url="https://docs.haproxy.org/2.8/management.html#9.3-set%20ssl%20cert",
    )

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        super().__init__(options, ports, state)
        self._before = state / "crt.before"
        self._listed = Journal(state / "crt-list.json")

    async def check(self, bundle: Bundle) -> None:
        if bundle.private_key is None:
            raise EvercertError("deploy", "HAProxy needs the private key, and this certificate's is elsewhere")
        if not self._options["socket"] and not program_of(self._options, "reload"):
            raise EvercertError("bad-input", "haproxy needs its socket, or a program that reloads it")
        endpoints_of(self._options, bundle)
        if self._options["socket"]:
            await self._runtime().demand_admin()
        # Before its first certificate HAProxy refuses a configuration that names one.
        if self._pem(bundle).exists():
            await self._test("HAProxy's configuration was broken before anything was changed")

    async def rehearse(self, bundle: Bundle) -> None:
        await super().rehearse(bundle)
        await self.check(bundle)
        demand_runnable(program_of(self._options, "reload"))
        demand_writable(self._pem(bundle).parent)
        if (crt_list := self._crt_list()) and not crt_list.is_dir():
            demand_writable(crt_list.parent)

    def doubts(self) -> list[EvercertError]:
        def reload() -> None:
            demand_runnable(program_of(self._options, "reload"))

        def binary() -> None:
            if self._options["conf"]:  # it is tested by the program, and by nothing else
                demand_runnable([self._options["binary"]])

        return [*super().doubts(), *doubts_of(reload=reload, binary=binary)]

    async def swap(self, bundle: Bundle) -> None:
        await super().swap(bundle)
        pem = self._pem(bundle)
        if pem != self._in_use(bundle):
            if not self._before.exists():
                before = _Before(read_bounded(pem, _MAX_PEM) if pem.exists() else None)
                write_durably(self._before, msgspec.json.encode(before))
            access = access_of(self._options)
            write_durably(pem, read_bounded(self._in_use(bundle), _MAX_PEM), access.key_mode, access.owner)
        self._put_on_list(pem)

    async def reload(self, bundle: Bundle) -> None:
        pem = self._pem(bundle)
        if pem.exists():
            await self._test("HAProxy refuses the configuration")
        if self._options["socket"]:
            await self._exchange(pem)
        else:
            program = program_of(self._options, "reload")
            demand_success(await self._ports.programs.run(program), program[0])

    async def roll_back(self, bundle: Bundle) -> None:
        self._listed.undo()
        if self._before.exists():
            before = msgspec.json.decode(read_bounded(self._before, 2 * _MAX_PEM), type=_Before)
            pem = self._pem(bundle)
            if before.pem is None:
                remove_durably(pem)
            else:
                write_durably(pem, before.pem, access_of(self._options).key_mode, access_of(self._options).owner)
            remove_durably(self._before)
        await super().roll_back(bundle)

    async def settle(self, bundle: Bundle) -> None:
        self._listed.forget()
        remove_durably(self._before)
        await super().settle(bundle)

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        given = endpoints_of(self._options, bundle)
        if given or not self._options["conf"]:
            return given
        text = read_bounded(Path(self._options["conf"]), _MAX_FILE).decode("utf-8", "replace")
        found = places(text, self._pem(bundle), self._crt_list())
        return [Endpoint(host, port, name) for host, port in found for name in server_names(bundle)]

    async def _exchange(self, path: Path) -> None:
        """Afterwards HAProxy has in memory what the file says, or nothing where there is no file."""
        runtime, crt_list, pem = self._runtime(), self._crt_list(), _text_of(path)
        known = str(path) in await runtime.certificates()
        if pem is None:
            if known and crt_list:
                await runtime.remove(path, crt_list)
        elif known:
            await runtime.replace(path, pem)
        elif crt_list:
            await runtime.add(path, pem, crt_list)
        else:
            hint = f"name it in a bind line (`crt {path}`), or set crt_list"
            raise EvercertError("deploy", f"HAProxy does not know {path}", hint=hint)

    def _put_on_list(self, pem: Path) -> None:
        """A list that is a folder needs no line: HAProxy reads all files of it."""
        crt_list = self._crt_list()
        if crt_list is None or crt_list.is_dir():
            return
        text = read_bounded(crt_list, _MAX_FILE).decode("utf-8", "surrogateescape")
        if str(pem) not in {line.split()[0] for line in text.splitlines() if line.strip()}:
            line = f"{pem}\n" if not text or text.endswith("\n") else f"\n{pem}\n"
            self._listed.write({crt_list: text}, [Edit(crt_list, len(text), len(text), line)])

    async def _test(self, what: str) -> None:
        if not self._options["conf"]:
            return
        completed = await self._ports.programs.run([self._options["binary"], "-c", "-f", self._options["conf"]])
        if completed.status:
            alerts = [line for line in completed.output.splitlines() if "[ALERT]" in line]
            words = one_line(" ".join(alerts) or completed.output)
            raise EvercertError("deploy", f"{what}: {words}", hint=f"`haproxy -c -f {self._options['conf']}` shows it")

    def _runtime(self) -> Runtime:
        return Runtime(partial(self._ports.local.ask, Path(self._options["socket"])))

    def _pem(self, bundle: Bundle) -> Path:
        """The file that HAProxy's configuration names."""
        if not self._options["crt"]:
            return self._in_use(bundle)
        crt = Path(self._options["crt"])
        return crt / f"{folder_name(bundle.name)}.pem" if crt.is_dir() else crt

    def _in_use(self, bundle: Bundle) -> Path:
        return self._generations(bundle).live / "combined.pem"

    def _crt_list(self) -> Path | None:
        if self._options["crt_list"]:
            return Path(self._options["crt_list"])
        crt = Path(self._options["crt"]) if self._options["crt"] else None
        return crt if crt and crt.is_dir() else None


def _text_of(path: Path) -> str | None:
    try:
        return read_bounded(path, _MAX_PEM).decode("ascii")
    except FileNotFoundError:
        return None
