"""Certificates as files, for any server that reads them; with a program that makes it do so."""

from __future__ import annotations

from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.deploy.fields import ACCESS_FIELDS, DIR_FIELD, ENDPOINT_FIELD, endpoints_of, program_of
from evercert.deploy.filed import FiledTarget, demand_success
from evercert.deploy.rehearsing import demand_runnable, doubts_of
from evercert.plugins.contracts import Bundle
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind

__all__ = ["Files"]


class Files(FiledTarget):
    """Keeps the contract of `Target` with files alone."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "files",
        PluginKind.DEPLOY,
        "PEM files under live/NAME/, swapped as one unit",
        (
            DIR_FIELD,
            Field("reload", "program and arguments that make the server read the files again"),
            ENDPOINT_FIELD,
            *ACCESS_FIELDS,
        ),
    )

    @staticmethod
    def keeps_state(options: Options) -> bool:
        """Whether the target's private folder is used: only where the user names none."""
        return not options["dir"]

    async def check(self, bundle: Bundle) -> None:
        program_of(self._options, "reload")
        endpoints_of(self._options, bundle)

    async def rehearse(self, bundle: Bundle) -> None:
        await super().rehearse(bundle)
        await self.check(bundle)
        demand_runnable(program_of(self._options, "reload"))

    def doubts(self) -> list[EvercertError]:
        return [*super().doubts(), *doubts_of(reload=lambda: demand_runnable(program_of(self._options, "reload")))]

    async def reload(self, bundle: Bundle) -> None:
        program = program_of(self._options, "reload")
        # After a roll back to nothing there is nothing that the server could read.
        if program and self._generations(bundle).current() is not None:
            demand_success(await self._ports.programs.run(program), program[0])
