"""Lets a process die at a moment, and the next one finish."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent
from tests.fault.mortal import Wish
from tests.peers.program import ROOT, without_trust_overrides

__all__ = ["Scene", "deaths_worth_dying"]

_PATIENCE = 60


@dataclass(frozen=True)
class Scene:
    """One intent at one CA, played in a folder for each death."""

    folder: Path
    access: CaAccess
    intent: CertificateIntent

    def moments(self) -> list[str]:
        """Every moment of an undisturbed life, in order."""
        diary = self.folder / "diary"
        assert self._live("undisturbed", diary=str(diary)).returncode == 0
        return diary.read_text().splitlines()

    def die_and_recover(self, number: int, moment: str) -> Path:
        """Die at the moment, then let the next process finish; the home that both had."""
        died = self._live(str(number), moment)
        assert died.returncode == -signal.SIGKILL, f"{moment}: it did not come to that: {died.stderr[-2000:]}"
        recovered = self._live(str(number))
        assert recovered.returncode == 0, f"{moment}: the next run failed: {recovered.stderr[-2000:]}"
        return self.folder / str(number) / "home"

    def _live(self, life: str, moment: str = "", diary: str = "") -> subprocess.CompletedProcess[str]:
        (self.folder / life).mkdir(exist_ok=True)
        wish = Wish(str(self.folder / life / "home"), self.access, self.intent, moment, diary)
        argv = [sys.executable, "-m", "tests.fault.mortal", msgspec.json.encode(wish).decode()]
        environment = without_trust_overrides(PYTHONPATH=str(ROOT))
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_PATIENCE)


def deaths_worth_dying(moments: list[str]) -> list[str]:
    """Each kind of moment once or twice: how often the CA is polled differs from run to run, so of each
    request only the first is sure to come again."""
    return [each for each in moments if (" POST " not in each and " HEAD " not in each) or each.endswith("#1")]
