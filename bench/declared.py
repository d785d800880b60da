"""What a declaration of very many certificates costs: applied, unchanged, and looked through because a word changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bench.measure import Command, Cost, cost_of
from bench.table import print_table
from tests.peers.program import ROOT

__all__ = ["measure_declared"]

_EVERCERT = str(ROOT / ".venv/bin/evercert")
_HEAD = '[defaults]\npolicy = "web"\n\n[policies.web]\nowner = "bench"\n\n'


def measure_declared(folder: Path, certificates: int, seconds: float) -> None:
    """For a list of names, and for a table for each certificate. Nothing is issued."""
    for kind, write in (("lines of a list", _write_list), ("tables", _write_tables)):
        place = folder / kind.replace(" ", "-")
        place.mkdir()
        write(place, certificates)
        env = {**os.environ, "EVERCERT_HOME": str(place / "home"), "EVERCERT_CONFIG": str(place / "evercert.toml")}

        def ask(*words: str, env: dict[str, str] = env) -> Cost:
            return cost_of(Command([_EVERCERT, *words], env, certificates), folder / "declared.log", seconds)

        _print(f"{certificates:,} declared certificates, as {kind}", place / "evercert.toml", ask)


def _print(title: str, file: Path, ask: Callable[..., Cost]) -> None:
    costs = {"apply --no-wait, all are new": ask("apply", "--no-wait", "--quiet"), "plan, unchanged": ask("plan")}
    file.write_text(f"{file.read_text()}\n# a word more\n")
    costs["plan, a comment changed"] = ask("plan")
    file.write_text(f'{file.read_text()}\n[certificates."one.more.test"]\n')
    costs["plan, one more"] = ask("plan")
    costs["apply --no-wait, one more"] = ask("apply", "--no-wait", "--quiet")
    print_table(title, costs)


def _write_list(place: Path, count: int) -> None:
    names = (f"n{number:07d}.bench.test www.n{number:07d}.bench.test\n" for number in range(count))
    (place / "names.txt").write_text("".join(names))
    (place / "evercert.toml").write_text(f'{_HEAD}[certificates.all]\neach_from = "names.txt"\n')


def _write_tables(place: Path, count: int) -> None:
    name = "n{0:07d}.bench.test"
    table = f'[certificates."{name}"]\nnames = ["{name}", "www.{name}"]\n'
    (place / "evercert.toml").write_text(_HEAD + "".join(map(table.format, range(count))))
