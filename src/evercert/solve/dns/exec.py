"""A program of the user's own that sets records."""

from __future__ import annotations

from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Exec"]


class Exec:
    """Runs `program present NAME VALUE` and `program cleanup NAME VALUE`; status 0 means done.

    Both may be run again with the same arguments. There is no shell: the program is one path. It
    runs with our rights, so whoever can change it can do what we can.
    """

    info: ClassVar = PluginInfo(
        "exec",
        PluginKind.DNS,
        "a program of your own: present NAME VALUE, cleanup NAME VALUE",
        (
            Field("program", "absolute path of the program", required=True),
            Field("timeout", "seconds that it may take", default="60"),
        ),
    )
    record_by_record: ClassVar = False

    def __init__(self, options: Options, ports: Ports) -> None:
        self._program = options["program"]
        if not self._program.startswith("/"):
            raise EvercertError(
                "bad-input", f"{one_line(self._program)!r} is not an absolute path", name=self.info.name
            )
        self._timeout = float(options.number("timeout"))
        self._programs = ports.programs

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        await self._run("present", zone, name, value, EVERCERT_TTL=str(ttl))
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        await self._run("cleanup", zone, name, value)

    async def _run(self, action: str, zone: str, name: str, value: str, **more: str) -> None:
        env = {"EVERCERT_ACTION": action, "EVERCERT_ZONE": zone, "EVERCERT_NAME": name, "EVERCERT_VALUE": value, **more}
        completed = await self._programs.run([self._program, action, name, value], env=env, timeout=self._timeout)
        if completed.status != 0:
            raise EvercertError(
                "provider",
                f"{self._program} {action} ended with status {completed.status}: {one_line(completed.output)}",
                name=name,
            )
