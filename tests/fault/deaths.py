"""Lets a process die at a moment, and the next one finish."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path

from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent
from tests.fault.mortal import Wish
from tests.fault.nursery import Nursery, words_of

__all__ = ["Scene", "deaths_worth_dying"]


@dataclass(frozen=True)
class Scene:
    """One intent at one CA, played in a folder for each death."""

    folder: Path
    access: CaAccess
    intent: CertificateIntent
    nursery: Nursery
    environ: dict[str, str] = field(default_factory=dict)

    def moments(self) -> list[str]:
        """Every moment of an undisturbed life, in order."""
        diary = self.folder / "diary"
        wish = self._wish("undisturbed", diary=str(diary))
        assert self.nursery.live(wish) == 0, words_of(wish).read_text()
        return diary.read_text().splitlines()

    def die_and_recover(self, number: int, moment: str) -> Path:
        """Die at the moment, then let the next process finish; the home that both had."""
        first, next_one = self._wish(str(number), moment), self._wish(str(number))
        died = self.nursery.live(first)
        assert died == -signal.SIGKILL, f"{moment}: it did not come to that: {words_of(first).read_text()[-2000:]}"
        recovered = self.nursery.live(next_one)
        assert recovered == 0, f"{moment}: the next run failed ({recovered}): {words_of(next_one).read_text()[-2000:]}"
        return Path(first.home)

    def _wish(self, life: str, moment: str = "", diary: str = "") -> Wish:
        (self.folder / life).mkdir(exist_ok=True)
        return Wish(str(self.folder / life / "home"), self.access, self.intent, moment, diary, self.environ)


def deaths_worth_dying(moments: list[str]) -> list[str]:
    """All that are sure to come again. How often the CA is polled differs from run to run, and so does whether the
    answers of two names are noted by one commit or by two: of these the first is sure, and no other."""
    by_chance = (" POST ", " HEAD ", " presented")
    return [each for each in moments if each.endswith("#1") or not any(part in each for part in by_chance)]
