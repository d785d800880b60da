"""Programs that are functions: keeps `plugins.contracts.Programs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evercert.base.program import Completed

__all__ = ["FakePrograms"]


@dataclass
class FakePrograms:
    """Every run ends with `completed`; `runs` is what was run, with its environment."""

    completed: Completed = field(default_factory=lambda: Completed(0, ""))
    runs: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> Completed:
        self.runs.append((list(argv), dict(env or {})))
        return self.completed
