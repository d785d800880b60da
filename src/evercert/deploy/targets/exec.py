"""A hook program of the user's: it is told where the files are and does the rest.

It runs without a shell, as `PROGRAM deploy NAME`, with the paths in its environment. certbot's
names for them are there as well, so that its deploy hooks go on working.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.deploy.fields import ACCESS_FIELDS, DIR_FIELD, ENDPOINT_FIELD, endpoints_of, program_of
from evercert.deploy.filed import FiledTarget, demand_success
from evercert.deploy.rehearsing import demand_runnable, doubts_of
from evercert.plugins.contracts import Bundle
from evercert.plugins.info import Field, PluginInfo, PluginKind

__all__ = ["Exec"]


class Exec(FiledTarget):
    """Keeps the contract of `Target` with a program. A roll back runs it again, with the old files."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "exec",
        PluginKind.DEPLOY,
        "a program of yours, told where the files are",
        (
            Field("program", "program and arguments; `deploy` and the certificate's name are added", required=True),
            Field("timeout", "seconds that it may take", default="60"),
            DIR_FIELD,
            ENDPOINT_FIELD,
            *ACCESS_FIELDS,
        ),
    )

    async def check(self, bundle: Bundle) -> None:
        self._program()
        self._options.number("timeout")
        endpoints_of(self._options, bundle)

    async def rehearse(self, bundle: Bundle) -> None:
        await super().rehearse(bundle)
        await self.check(bundle)
        demand_runnable(self._program())

    def doubts(self) -> list[EvercertError]:
        return [*super().doubts(), *doubts_of(program=lambda: demand_runnable(self._program()))]

    def _program(self) -> list[str]:
        program = program_of(self._options, "program")
        if not program or not Path(program[0]).is_absolute():
            raise EvercertError("deploy", "program is not an absolute path", hint="write it as /path/to/program")
        return program

    async def reload(self, bundle: Bundle) -> None:
        files = self._generations(bundle)
        if files.current() is None:
            return
        program = program_of(self._options, "program")
        completed = await self._ports.programs.run(
            [*program, "deploy", bundle.name],
            env=_environment(bundle, files.live),
            timeout=float(self._options.number("timeout")),
        )
        demand_success(completed, program[0])


def _environment(bundle: Bundle, live: Path) -> Mapping[str, str]:
    names = " ".join(map(str, bundle.identifiers))
    files = ("cert", "chain", "fullchain", "privkey", "combined")
    return {
        **{f"EVERCERT_{name.upper()}": str(live / f"{name}.pem") for name in files},
        "EVERCERT_NAME": bundle.name,
        "EVERCERT_DOMAINS": names,
        "RENEWED_LINEAGE": str(live),
        "RENEWED_DOMAINS": names,
    }
