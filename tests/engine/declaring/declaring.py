"""The whole engine, with certificates that stand in a file."""

from __future__ import annotations

from dataclasses import replace

from evercert.config.settings import Settings
from evercert.engine.declaring.applying import Comparison, apply
from evercert.engine.declaring.comparing import compared
from evercert.engine.wiring import Engine
from tests.engine.world import World

__all__ = ["Declaring", "told"]


class Declaring(World):
    """A world whose certificates stand in a file."""

    @property
    def settings(self) -> Settings:
        return replace(super().settings, config=str(self.folder / "evercert.toml"), ca=self.ca.directory_url)

    def write(self, text: str) -> None:
        rule = f'[[challenges]]\ntype = "http-01"\nsolver = "webroot"\noptions = {{ root = "{self.webroot}" }}\n'
        (self.folder / "evercert.toml").write_text(f"{text}\n{rule}")

    async def apply(self, engine: Engine, text: str) -> Comparison:
        self.write(text)
        comparison = await compared(engine)
        await apply(engine.db, comparison, self.clock.now())
        await engine.worker.settle_due()
        return comparison


def told(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    """Of each certificate what becomes of it, and why."""
    return {change.name: (change.action.value, *change.reasons) for change in comparison.changes}
